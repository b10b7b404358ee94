/** Tool calls in a conversation, and the messages that answer them. */
import type { ChatMessage } from '../../../engine/text/chat-template.ts';

/** Fields of a message that matter for calls. */
type CallMessage = Pick<ChatMessage, 'role' | 'tool_calls' | 'tool_call_id'>;

/** A mismatch between calls and their answers. */
export interface CallFault {
  /** Index of the message at fault; the last one's where an answer is missing after it. */
  readonly at: number;
  readonly kind: 'unknown' | 'answered' | 'interrupted' | 'unanswered';
  readonly id: string;
}

/** The first mismatch, or null: each call needs one answer before the conversation continues. */
export function callFault(messages: readonly CallMessage[]): CallFault | null {
  const open = new Set<string>();
  const known = new Set<string>();
  for (const [at, { role, tool_calls: calls, tool_call_id: id = '' }] of messages.entries()) {
    if (role === 'tool') {
      if (open.delete(id)) continue;
      return { at, kind: known.has(id) ? 'answered' : 'unknown', id };
    }
    const [first] = open;
    if (first !== undefined) return { at, kind: 'interrupted', id: first };
    for (const call of calls ?? []) {
      open.add(call.id);
      known.add(call.id);
    }
  }
  const [left] = open;
  return left === undefined ? null : { at: messages.length - 1, kind: 'unanswered', id: left };
}

/** @param answer the API's name of an answer to a call, with its article */
export function faultText({ kind, id }: CallFault, answer: string): string {
  const shown = JSON.stringify(id);
  const texts: Readonly<Record<CallFault['kind'], string>> = {
    unknown: `${shown} names no call before it; expected the id of an open call`,
    answered: `${shown} has an answer already; expected the id of an open call`,
    interrupted: `expected ${answer} that answers the call ${shown}`,
    unanswered: `expected ${answer} after the last, for the call ${shown}`,
  };
  return texts[kind];
}

/** Sorts answers by their calls, since templates show them in the given order. */
export function inCallOrder(messages: readonly ChatMessage[]): ChatMessage[] {
  const ordered: ChatMessage[] = [];
  let order: ReadonlyMap<string, number> = new Map();
  let answers: ChatMessage[] = [];
  const place = (): void => {
    const at = ({ tool_call_id: id }: ChatMessage): number => order.get(id ?? '') ?? -1;
    ordered.push(...answers.sort((a, b) => at(a) - at(b)));
    answers = [];
  };
  for (const message of messages) {
    if (message.role === 'tool') {
      answers.push(message);
      continue;
    }
    place();
    // Of calls with the same id the first counts.
    order = new Map(
      Array.from(message.tool_calls ?? [], ({ id }, i) => [id, i] as const).reverse(),
    );
    ordered.push(message);
  }
  place();
  return ordered;
}

/** Replaces ids of calls by `nChar` letters and digits, as templates of some families demand. */
export function withShortIds(messages: readonly ChatMessage[], nChar: number): ChatMessage[] {
  const isShort = new RegExp(`^[A-Za-z0-9]{${nChar}}$`);
  const names = new Map<string, string>();
  const short = (id: string): string => {
    const name = names.get(id) ?? String(names.size + 1).padStart(nChar, '0');
    names.set(id, name);
    return isShort.test(id) ? id : name;
  };
  return messages.map((message) => ({
    ...message,
    ...(message.tool_calls === undefined
      ? {}
      : { tool_calls: message.tool_calls.map((call) => ({ ...call, id: short(call.id) })) }),
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: short(message.tool_call_id) }),
  }));
}
