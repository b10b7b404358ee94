/** An answer as it is shown: its Markdown while it grows, then a footer. */
import { copyButton } from '../dom/copy.ts';
import { node } from '../dom/node.ts';
import { keepAtEnd } from './log.ts';
import { MarkdownView } from './markdown.ts';

/** Drawing takes at most a fifth of the time, also where an answer is long. */
const REST_PER_DRAW = 4;

export class AnswerView {
  readonly element = node('article', { className: 'assistant' });
  readonly #markdown = new MarkdownView();
  #content = '';
  #nextDrawAt = 0;

  constructor(into: HTMLElement) {
    this.element.append(this.#markdown.element);
    into.append(this.element);
  }

  get content(): string {
    return this.#content;
  }

  set isStreaming(isStreaming: boolean) {
    this.element.classList.toggle('streaming', isStreaming);
  }

  add(more: string): void {
    this.#content += more;
    if (performance.now() >= this.#nextDrawAt) this.#draw();
  }

  /** Shows all of it, and under it what is to be said about it and what can be done with it. */
  finish(facts: string, ...more: readonly Node[]): void {
    this.isStreaming = false;
    this.#draw();
    const copy = copyButton('Copy', () => this.#content);
    const after = more.flatMap((one) => [' ', one]);
    keepAtEnd(() => this.element.append(node('footer', {}, facts, ' ', copy, ...after)));
  }

  #draw(): void {
    const from = performance.now();
    keepAtEnd(() => this.#markdown.show(this.#content));
    const now = performance.now();
    this.#nextDrawAt = now + (now - from) * REST_PER_DRAW;
  }
}
