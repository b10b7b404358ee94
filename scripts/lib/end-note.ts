/** Why an answer is not whole, on standard error: what is printed ends without a word of it. */
import process from 'node:process';
import { colour } from './colours.ts';

const NOTES: Readonly<Record<string, string>> = {
  length: 'cut off: the answer reached its limit. --max-tokens sets it, --ctx what fits',
  repetition: 'cut off: the model repeated itself. Try a larger model, or another wording',
};

/** @param reason the answer's `finish_reason`; an answer that the model ended needs no note */
export function noteEnd(reason: string): void {
  const note = NOTES[reason];
  if (note !== undefined) process.stderr.write(`${colour('dim', `(${note})`, process.stderr)}\n`);
}
