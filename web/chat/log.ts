/** The conversation as it is shown: questions, answers, errors. */
import { node } from '../dom/node.ts';
import { log } from './elements.ts';

/** How far from the end, in pixels, still counts as reading the end. */
const END_PX = 40;

/** What belongs to one question. */
export function showTurn(question: string, ...pictures: Node[]): HTMLElement {
  const turn = node('div', { className: 'turn' });
  turn.append(node('article', { className: 'user' }, ...pictures, question));
  append(turn, log);
  return turn;
}

/** A line that says what happened, with what can be done about it. */
export function showNote(
  text: string,
  into: HTMLElement = log,
  ...more: (Node | string)[]
): HTMLElement {
  return append(node('p', { className: 'note' }, text, ...more), into);
}

export function showError(
  error: unknown,
  into: HTMLElement = log,
  ...more: (Node | string)[]
): HTMLElement {
  const text = messageOf(error);
  return append(node('p', { className: 'error', role: 'alert' }, text, ...more), into);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function clearLog(...children: Node[]): void {
  log.replaceChildren(...children);
}

/** Changes what is shown; whoever reads the end goes on reading the end. */
export function keepAtEnd(change: () => void): void {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < END_PX;
  change();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function append(child: HTMLElement, into: HTMLElement): HTMLElement {
  log.querySelector('.empty')?.remove();
  into.append(child);
  log.scrollTop = log.scrollHeight;
  return child;
}
