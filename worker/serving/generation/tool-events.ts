/** Splits text events into text and tool calls. Stop strings end texts; a call is never cut. */
import type { GenerateEvent } from '../../../engine/generate/types.ts';
import { StopMatcher } from '../../../engine/text/stop-strings.ts';
import { ToolSplitter, type ToolEvent } from '../output/tool-deltas.ts';
import type { CallSyntax } from '../output/tool-formats.ts';
import type { TextEvent } from './text-events.ts';

export type AnswerEvent = TextEvent | Exclude<ToolEvent, { type: 'text' }>;
type Done = Extract<TextEvent, { type: 'done' }>;
type Tokens = Extract<TextEvent, { type: 'text' }>['tokens'];

export interface TokenCount {
  n: number;
}

/** Counts an answer's tokens as they pass, since text that is held back hides their number. */
export async function* countTokens(
  events: AsyncIterable<GenerateEvent>,
  count: TokenCount,
): AsyncGenerator<GenerateEvent, void, void> {
  for await (const event of events) {
    if (event.type === 'token') count.n++;
    yield event;
  }
}

export async function* toolEvents(
  events: AsyncIterable<TextEvent>,
  calls: CallSyntax,
  stops: readonly string[],
  count: TokenCount,
): AsyncGenerator<AnswerEvent, void, void> {
  const splitter = new ToolSplitter(calls);
  const matcher = new StopMatcher(stops);
  let usage: Done['usage'] | null = null;
  let startedAt = 0;
  /** Tokens of text that is held back because it could become a call. */
  let tokens: Tokens = [];
  const text = (part: string, tokens: Tokens): AnswerEvent[] =>
    part === '' && tokens.length === 0 ? [] : [{ type: 'text', text: part, tokens }];

  for await (const event of events) {
    if (event.type === 'text') {
      tokens = [...tokens, ...event.tokens];
      for (const piece of splitter.push(event.text)) {
        if (piece.type !== 'text') {
          // A beginning of a stop string was only text before a call.
          if (piece.type === 'call') yield* text(matcher.flush(), []);
          tokens = [];
          yield piece;
          continue;
        }
        const { text: safe, stop } = matcher.push(piece.text);
        yield* text(safe, tokens);
        tokens = [];
        if (stop === null || usage === null) continue;
        const decodeMs = Date.now() - startedAt;
        yield {
          type: 'done',
          reason: 'stop',
          stop,
          usage: { ...usage, completionTokens: count.n, decodeMs },
        };
        return;
      }
      // Tokens of calls are not reported.
      if (splitter.isInCalls) tokens = [];
    } else if (event.type === 'done') {
      const { text: safe, stop } = matcher.push(splitter.flush());
      yield* text(stop === null ? safe + matcher.flush() : safe, tokens);
      const isCalled = splitter.nCalls > 0 && event.reason === 'stop';
      yield { ...event, stop, reason: isCalled ? 'tool_calls' : event.reason };
    } else {
      if (event.type === 'start') {
        usage = { ...event.usage };
        startedAt = Date.now();
      }
      yield event;
    }
  }
}
