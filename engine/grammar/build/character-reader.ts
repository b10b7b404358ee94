/**
 * What parsers of small notations share: code points, a position among them, and errors that name it. A
 * parser is a private class of its module, used by its `parse` function alone.
 */
import type { Budget } from './budget.ts';

export abstract class CharacterReader {
  readonly characters: readonly string[];
  readonly budget: Budget;
  at = 0;

  constructor(text: string, budget: Budget) {
    this.characters = [...text];
    this.budget = budget;
  }

  /** The error of a text that does not have what is expected here. */
  abstract fail(what: string): Error;

  peek(offset = 0): string | undefined {
    return this.characters[this.at + offset];
  }

  ahead(count: number): string {
    return this.characters.slice(this.at, this.at + count).join('');
  }

  startsWith(text: string): boolean {
    return this.ahead(text.length) === text;
  }

  /** @throws the error of `fail(missing)` at the end of the text */
  next(missing: string): string {
    const character = this.characters[this.at];
    if (character === undefined) throw this.fail(missing);
    this.at++;
    return character;
  }

  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }
}
