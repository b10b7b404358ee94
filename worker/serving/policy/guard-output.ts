/**
 * Answers before they are passed on: text waits until a window of it is judged, together with the end of the
 * window before, so that nothing hides on a border. Where nothing can be held back, text passes at once and is
 * judged when it has ended.
 */
import type { Caller } from '../../platform/caller.ts';
import type { AnswerEvent, TokenCount } from '../generation/tool-events.ts';
import { judges, mayHoldBack, rule } from './decide.ts';
import type { Policy } from './policy.ts';

/** Characters that wait for a verdict at most; a sentence is judged when it ends. */
const WINDOW_CHARS = 240;
/** The least that is judged by itself. */
const MIN_CHARS = 60;
/** Characters of passed text that are judged again with the next. */
const OVERLAP_CHARS = 160;
const SENTENCE_END = /[.!?\n]\s*$/;

type Done = Extract<AnswerEvent, { type: 'done' }>;
type TextPart = Extract<AnswerEvent, { text: string }>;

/**
 * Ends with reason `content_filter` where a text is blocked.
 * @param count tokens of the answer so far, as they are made
 * @throws {EngineError} E_POLICY_UNAVAILABLE
 */
export async function* guardOutput(
  policy: Policy,
  caller: Caller,
  events: AsyncGenerator<AnswerEvent, void, void>,
  count: TokenCount,
): AsyncGenerator<AnswerEvent, void, void> {
  if (!judges(policy, 'output')) yield* events;
  else if (mayHoldBack(policy, 'output')) yield* heldBack(policy, caller, events, count);
  else yield* observed(policy, caller, events);
}

async function* observed(
  policy: Policy,
  caller: Caller,
  events: AsyncGenerator<AnswerEvent, void, void>,
): AsyncGenerator<AnswerEvent, void, void> {
  let text = '';
  try {
    for await (const event of events) {
      if (isText(event)) text += event.text;
      yield event;
    }
  } finally {
    await rule(policy, 'output', text, caller);
  }
}

async function* heldBack(
  policy: Policy,
  caller: Caller,
  events: AsyncGenerator<AnswerEvent, void, void>,
  count: TokenCount,
): AsyncGenerator<AnswerEvent, void, void> {
  let waiting: AnswerEvent[] = [];
  let text = '';
  let before = '';
  let usage: Done['usage'] | null = null;
  let startedAt = Date.now();
  /** The window's events, or null where it is blocked. */
  const release = async (): Promise<readonly AnswerEvent[] | null> => {
    const [released, passing] = [waiting, text];
    [waiting, text] = [[], ''];
    const whole = before + passing;
    const ruling = await rule(policy, 'output', whole, caller);
    if (ruling.isBlocked) return null;
    if (ruling.text === whole) {
      before = whole.slice(-OVERLAP_CHARS);
      return released;
    }
    // Half of a call's arguments can be neither changed nor left out.
    if (released.some(({ type }) => type === 'arguments')) return null;
    const changed = ruling.text.startsWith(before) ? ruling.text.slice(before.length) : ruling.text;
    before = '';
    return replaced(released, changed);
  };
  for await (const event of events) {
    if (event.type === 'start') {
      usage = event.usage;
      startedAt = Date.now();
    }
    if (isText(event)) {
      text += event.text;
      waiting.push(event);
      if (!isWindow(text)) continue;
    } else if (event.type !== 'done') {
      // In its place among the texts.
      if (waiting.length > 0) waiting.push(event);
      else yield event;
      continue;
    }
    const released = await release();
    if (released === null) {
      const made = event.type === 'done' ? event.usage : usage;
      if (made === null) return;
      const decodeMs = Date.now() - startedAt;
      yield {
        type: 'done',
        reason: 'content_filter',
        stop: null,
        usage: { ...made, completionTokens: count.n, decodeMs },
      };
      return;
    }
    yield* released;
    if (event.type === 'done') yield event;
  }
}

function isText(event: AnswerEvent): event is TextPart {
  return event.type === 'text' || event.type === 'arguments';
}

function isWindow(text: string): boolean {
  return text.length >= WINDOW_CHARS || (text.length >= MIN_CHARS && SENTENCE_END.test(text));
}

/** The redacted text once, in the place of the first. */
function replaced(events: readonly AnswerEvent[], text: string): AnswerEvent[] {
  const first = events.findIndex(({ type }) => type === 'text');
  return events.flatMap((event, i): AnswerEvent[] => {
    if (!isText(event)) return [event];
    return i === first ? [{ type: 'text', text, tokens: [] }] : [];
  });
}
