/** One turn: the question and its answer are shown, and the answer is spoken if there is a voice. */
import type { SpokenAnswer } from './audio/spoken-answer.ts';
import { streamChat } from './chat-stream.ts';
import type { ChatMessage, ChatRequest, SessionReport, Timings } from './chat-stream.ts';
import { describeAnswer } from './describe-answer.ts';
import { keepAtEnd, show, showError } from './log.ts';

export interface AnswerOptions {
  /** The request that asks `question`. */
  readonly request: ChatRequest;
  readonly question: ChatMessage;
  readonly signal: AbortSignal;
  /** What speaks the answer; null when it is only shown. */
  readonly openVoice: ((onSeconds: (seconds: number) => void) => SpokenAnswer) | null;
}

/** The answer as far as it came. Failures are shown. */
export async function answer(options: AnswerOptions): Promise<string> {
  const { request, question, signal, openVoice } = options;
  show('user', question.content);
  const node = show('assistant', '');
  node.classList.add('streaming');
  const voice =
    openVoice?.((seconds) => (node.dataset['spokenSeconds'] = seconds.toFixed(1))) ?? null;
  let content = '';
  let isFinished = false;
  let timings: Timings | undefined;
  let session: SessionReport | undefined;
  try {
    for await (const chunk of streamChat(request, signal)) {
      timings = chunk.timings ?? timings;
      session = chunk.session ?? session;
      const choice = chunk.choices[0];
      if (choice?.finish_reason) isFinished = true;
      const more = choice?.delta.content;
      if (more) {
        content += more;
        voice?.add(more);
        keepAtEnd(() => (node.textContent = content));
      }
      if (chunk.usage) {
        const footer = document.createElement('footer');
        footer.textContent = describeAnswer(chunk.usage, timings, session);
        node.append(footer);
      }
    }
    node.classList.remove('streaming');
    await voice?.finish();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') show('empty', 'Stopped.');
    else showError(error);
  } finally {
    node.classList.remove('streaming');
    if (content === '' && !isFinished) node.remove();
  }
  return content;
}
