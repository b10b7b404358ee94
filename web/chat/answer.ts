/** One turn: the question and its answer are shown, and the answer is spoken if there is a voice. */
import { node } from '../dom/node.ts';
import { AnswerView } from './answer-view.ts';
import type { SpokenAnswer } from './audio/spoken-answer.ts';
import { streamChat } from './chat-stream.ts';
import type { ChatMessage, ChatRequest, SessionReport, Timings, Usage } from './chat-stream.ts';
import { describeAnswer } from './describe-answer.ts';
import { showError, showNote, showTurn } from './log.ts';
import { thumbnail } from './pictures.ts';
import type { ChosenPicture } from './pictures.ts';
import { ratingButtons } from './rating.ts';

export interface AnswerOptions {
  /** The request that asks `question`. */
  readonly request: ChatRequest;
  readonly question: ChatMessage;
  readonly pictures: readonly ChosenPicture[];
  readonly signal: AbortSignal;
  /** What speaks the answer; null when it is only shown. */
  readonly openVoice: ((onSeconds: (seconds: number) => void) => SpokenAnswer) | null;
  /** Asks the same again. */
  readonly retry: () => void;
}

export interface Answered {
  /** The answer as far as it came. */
  readonly content: string;
  /** Whether the server counts the turn as done. */
  readonly isComplete: boolean;
  /** What the model was told about the pictures; '' for none. */
  readonly seen: string;
}

/** Said under an answer, by its finish_reason. */
const CUT_NOTES: Readonly<Record<string, string>> = {
  length:
    'The answer was cut: it reached the length limit. Ask "Go on." for the rest, or start a new chat where the context is full.',
  content_filter: "The answer was cut by this server's content policy.",
};
const LOST = 'The answer was cut: the connection ended before it was complete.';

/** Failures are shown, with a button that asks again. */
export async function answer(options: AnswerOptions): Promise<Answered> {
  const { request, question, signal, openVoice } = options;
  const turn = showTurn(question.content, ...options.pictures.map(thumbnail));
  const view = new AnswerView(turn);
  view.isStreaming = true;
  const voice =
    openVoice?.((seconds) => (view.element.dataset['spokenSeconds'] = seconds.toFixed(1))) ?? null;
  const facts: AnswerFacts = {};
  let seen = '';
  try {
    for await (const chunk of streamChat(request, signal)) {
      facts.timings = chunk.timings ?? facts.timings;
      facts.session = chunk.session ?? facts.session;
      facts.usage = chunk.usage ?? facts.usage;
      seen = chunk.images?.map(({ description }) => `${description}\n`).join('') ?? seen;
      const choice = chunk.choices[0];
      facts.finishReason = choice?.finish_reason ?? facts.finishReason;
      const more = choice?.delta.content;
      if (more) {
        view.add(more);
        voice?.add(more);
      }
    }
    if (facts.finishReason === undefined) throw new Error(LOST);
    finishView(view, facts, turn);
    const note = CUT_NOTES[facts.finishReason];
    if (note !== undefined) showNote(note, turn);
    await voice?.finish();
  } catch (error) {
    const isComplete = facts.finishReason !== undefined;
    // What was spoken may fail after the answer was complete.
    if (view.element.classList.contains('streaming')) finishView(view, facts, turn);
    const more = isComplete ? [] : [retryButton(turn, options)];
    if (signal.aborted) showNote('Stopped by you. ', turn, ...more);
    else showError(error, turn, ' ', ...more);
  }
  return { content: view.content, isComplete: facts.finishReason !== undefined, seen };
}

interface AnswerFacts {
  usage?: Usage | undefined;
  timings?: Timings | undefined;
  session?: SessionReport | undefined;
  finishReason?: string | undefined;
}

function finishView(
  view: AnswerView,
  { usage, timings, session, finishReason }: AnswerFacts,
  turn: HTMLElement,
): void {
  if (view.content === '' && finishReason === undefined) view.element.remove();
  else
    view.finish(
      usage === undefined ? '' : describeAnswer(usage, timings, session),
      // An answer that was cut off is not kept.
      ...(finishReason === undefined ? [] : ratingsOf(session, turn)),
    );
}

function ratingsOf(session: SessionReport | undefined, turn: HTMLElement): HTMLElement[] {
  if (session?.turn === undefined) return [];
  const kept = { session: session.id, turn: session.turn, rating: null };
  return [ratingButtons(kept, (error) => showError(error, turn))];
}

function retryButton(turn: HTMLElement, { retry }: AnswerOptions): HTMLButtonElement {
  const button = node('button', { type: 'button', className: 'retry' }, 'Retry');
  button.addEventListener('click', () => {
    turn.remove();
    retry();
  });
  return button;
}
