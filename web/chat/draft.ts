/** What was typed and not yet answered: it survives a reload and a failed request. */
import { keep, readKept } from '../access/kept.ts';
import { text } from './elements.ts';

const KEPT_AS = 'draft';

/** Empties the box; the text stays kept until it is answered. */
export function takeDraft(): string {
  const taken = text.value.trim();
  keepDraft(taken);
  text.value = '';
  return taken;
}

/** Puts the kept text back where nothing else has been typed meanwhile. */
export function restoreDraft(): void {
  const kept = readKept(KEPT_AS);
  if (text.value === '' && typeof kept === 'string') text.value = kept;
}

/** The text has been answered: what is in the box by now is all there is to keep. */
export function draftIsAnswered(): void {
  keepDraft(text.value);
}

export function keepDraft(typed: string): void {
  keep(KEPT_AS, typed === '' ? null : typed);
}
