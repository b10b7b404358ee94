/** The conversation as it is shown: questions, answers, errors. */
import { log } from './elements.ts';

/** How far from the end, in pixels, still counts as reading the end. */
const END_PX = 40;

export function show(kind: 'user' | 'assistant' | 'empty' | 'error', content: string): HTMLElement {
  log.querySelector('.empty')?.remove();
  const node = document.createElement(kind === 'error' ? 'p' : 'article');
  node.className = kind;
  if (kind === 'error') node.role = 'alert';
  node.textContent = content;
  log.append(node);
  log.scrollTop = log.scrollHeight;
  return node;
}

export function showError(error: unknown): void {
  show('error', messageOf(error));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Changes what is shown; whoever reads the end goes on reading the end. */
export function keepAtEnd(change: () => void): void {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < END_PX;
  change();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}
