/**
 * Token events to text events: detokenizes, holds back what may become a stop string, and ends at
 * one. Knows no API: chat and plain completions shape these events into their own chunks.
 */
import type {
  FinishReason,
  GenerateEvent,
  GenerateUsage,
  TokenLogprob,
} from '../../../engine/generate/types.ts';
import { Detokenizer } from '../../../engine/text/detokenizer.ts';
import { StopMatcher } from '../../../engine/text/stop-strings.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';

/** Why an answer ended. */
export type AnswerReason = FinishReason | 'tool_calls' | 'content_filter';

export type TextEvent =
  /** The prompt has been evaluated; tokens of the answer are not counted yet. */
  | { readonly type: 'start'; readonly usage: GenerateUsage }
  | { readonly type: 'prompt'; readonly logprobs: readonly (TokenLogprob | null)[] }
  | { readonly type: 'text'; readonly text: string; readonly tokens: readonly TokenLogprob[] }
  | {
      readonly type: 'done';
      readonly reason: AnswerReason;
      /** The stop string that ended the answer; null when the model or the length did. */
      readonly stop: string | null;
      readonly usage: GenerateUsage;
    };

export interface TextOptions {
  readonly stops: readonly string[];
  /** Whether the answer begins a text of its own (in a chat) instead of continuing the prompt. */
  readonly atTextStart: boolean;
  /** Whether to show special tokens: some families begin tool calls with one. */
  readonly special?: boolean;
}

/** A token whose text has not been sent yet. */
interface PendingToken {
  readonly startOffset: number;
  readonly logprob: TokenLogprob;
}

export async function* textEvents(
  events: AsyncIterable<GenerateEvent>,
  tokenizer: Tokenizer,
  options: TextOptions,
): AsyncGenerator<TextEvent, void, void> {
  const detokenizer = new Detokenizer(tokenizer, {
    atTextStart: options.atTextStart,
    special: options.special ?? false,
  });
  const matcher = new StopMatcher(options.stops);
  const pending: PendingToken[] = [];
  let usage: GenerateUsage | null = null;
  let decodeAt = 0;
  let seenChars = 0;
  let sentChars = 0;

  /** Sends text, with the tokens that begin in it. */
  const release = (text: string): TextEvent[] => {
    sentChars += text.length;
    const tokens: TokenLogprob[] = [];
    for (let next = pending[0]; next !== undefined; next = pending[0]) {
      if (next.startOffset >= sentChars && seenChars > sentChars) break;
      tokens.push(next.logprob);
      pending.shift();
    }
    return text === '' && tokens.length === 0 ? [] : [{ type: 'text', text, tokens }];
  };

  for await (const event of events) {
    switch (event.type) {
      case 'start':
        usage = event.usage;
        decodeAt = Date.now();
        yield { type: 'start', usage: { ...event.usage } };
        break;
      case 'prompt':
        yield event;
        break;
      case 'token': {
        if (usage !== null) usage.completionTokens++;
        const part = detokenizer.push(event.token);
        if (event.logprob !== null)
          pending.push({ startOffset: seenChars, logprob: event.logprob });
        seenChars += part.length;
        const { text, stop } = matcher.push(part);
        if (stop === null) {
          yield* release(text);
          break;
        }
        // The stop string and all after it are dropped; tokens before it are kept.
        const end = sentChars + text.length;
        while ((pending.at(-1)?.startOffset ?? -1) >= end) pending.pop();
        seenChars = end;
        yield* release(text);
        if (usage !== null)
          yield {
            type: 'done',
            reason: 'stop',
            stop,
            usage: { ...usage, decodeMs: Date.now() - decodeAt },
          };
        return;
      }
      case 'done': {
        const tail = detokenizer.flush();
        seenChars += tail.length;
        const { text, stop } = matcher.push(tail);
        yield* release(stop === null ? text + matcher.flush() : text);
        const reason = stop === null ? event.reason : 'stop';
        yield { type: 'done', reason, stop, usage: event.usage };
        return;
      }
      default:
        event satisfies never;
    }
  }
}
