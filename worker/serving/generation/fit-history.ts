/**
 * The messages of a conversation that fit the context: the oldest whole turns go first, system
 * messages stay.
 */
import { atOnce } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';

/** Only a message's role matters here. */
interface Spoken {
  readonly role: string;
}

export interface FittedHistory<M extends Spoken> {
  readonly messages: readonly M[];
  readonly nDropped: number;
}

/**
 * @param countTokens counts the rendered conversation
 * @param maxTokens limit of the prompt
 */
export function fitHistory<M extends Spoken>(
  history: readonly M[],
  fresh: readonly M[],
  countTokens: (messages: readonly M[]) => number,
  maxTokens: number,
): FittedHistory<M> {
  const steps = function* (messages: readonly M[]): Steps<number> {
    return countTokens(messages);
  };
  return atOnce(fitHistorySteps(history, fresh, steps, maxTokens));
}

/** `fitHistory` in parts. */
export function* fitHistorySteps<M extends Spoken>(
  history: readonly M[],
  fresh: readonly M[],
  countTokens: (messages: readonly M[]) => Steps<number>,
  maxTokens: number,
): Steps<FittedHistory<M>> {
  const starts = turnStarts(history);
  const withoutTurns = (nTurn: number): M[] => {
    const from = starts[nTurn] ?? history.length;
    const kept = history.filter(({ role }, i) => i >= from || role === 'system');
    return [...kept, ...fresh];
  };
  // Binary search for the fewest turns to leave out: each count renders the whole conversation.
  let low = 0;
  // A tool's answer must stay with its call.
  let high = fresh[0]?.role === 'tool' ? Math.max(0, starts.length - 1) : starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((yield* countTokens(withoutTurns(middle))) <= maxTokens) high = middle;
    else low = middle + 1;
    yield;
  }
  const messages = withoutTurns(low);
  return { messages, nDropped: history.length + fresh.length - messages.length };
}

/** Indices where a turn begins: each user message that does not follow another one. */
function turnStarts(history: readonly Spoken[]): number[] {
  return history.flatMap(({ role }, i) =>
    role === 'user' && history[i - 1]?.role !== 'user' ? [i] : [],
  );
}
