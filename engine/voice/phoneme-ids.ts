/** Phonemes as a Piper voice's ids: begin, then each symbol and a pad, then end. */

const BEGIN = '^';
const END = '$';
const PAD = '_';

/** Symbols the voice has no id for are left out: it was not trained on them. */
export function phonemeIds(phonemes: string, ids: Readonly<Record<string, number>>): number[] {
  const pad = ids[PAD] ?? 0;
  const out: number[] = [ids[BEGIN] ?? 1, pad];
  for (const symbol of phonemes) {
    const id = ids[symbol];
    if (id !== undefined) out.push(id, pad);
  }
  return [...out, ids[END] ?? 2];
}
