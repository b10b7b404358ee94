/** Calls in a conversation and the messages that answer them. */
import type { ChatMessage } from '../../../engine/text/chat-template.ts';

interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What is wrong with the answers to calls, or null: each call has one answer before the talk goes on. */
export function toolTurnProblem(messages: readonly ChatMessage[]): Problem | null {
  const open = new Set<string>();
  const known = new Set<string>();
  for (const [i, { role, tool_calls: calls, tool_call_id: answered }] of messages.entries()) {
    if (role === 'tool') {
      if (open.delete(answered ?? '')) continue;
      const what = known.has(answered ?? '') ? 'has an answer already' : 'is no call before it';
      const message = `${JSON.stringify(answered)} ${what}; expected the id of an open call`;
      return { path: ['messages', i, 'tool_call_id'], message };
    }
    const [first] = open;
    if (first !== undefined) {
      const message = `expected a message of role "tool" that answers the call ${JSON.stringify(first)}`;
      return { path: ['messages', i, 'role'], message };
    }
    for (const { id } of calls ?? []) {
      open.add(id);
      known.add(id);
    }
  }
  const [left] = open;
  if (left === undefined) return null;
  const message = `expected a message of role "tool" behind the last, for the call ${JSON.stringify(left)}`;
  return { path: ['messages', messages.length - 1], message };
}

/** Answers in the order of their calls: templates show them as they come. */
export function inCallOrder(messages: readonly ChatMessage[]): ChatMessage[] {
  const ordered: ChatMessage[] = [];
  let order: readonly string[] = [];
  let answers: ChatMessage[] = [];
  const place = (): void => {
    const at = ({ tool_call_id: id }: ChatMessage): number => order.indexOf(id ?? '');
    ordered.push(...answers.sort((a, b) => at(a) - at(b)));
    answers = [];
  };
  for (const message of messages) {
    if (message.role === 'tool') {
      answers.push(message);
      continue;
    }
    place();
    order = (message.tool_calls ?? []).map(({ id }) => id);
    ordered.push(message);
  }
  place();
  return ordered;
}
