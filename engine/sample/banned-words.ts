/** Sequences of tokens that are never completed: the last token of one is not drawn after the others. */
import type { SamplerRow } from './sampler.ts';

export const BANNED_WORDS: SamplerRow = {
  isActive: (p) => p.bannedWords.length > 0,
  create: ({ bannedWords }) => ({
    adjust(logits, { text, nPrompt }) {
      for (const word of bannedWords)
        if (isBegun(word, text, nPrompt)) logits.change(word.at(-1)!, () => -Infinity);
    },
  }),
};

/** Whether the completion ends with all tokens of a word but the last. */
function isBegun(word: readonly number[], text: readonly number[], nPrompt: number): boolean {
  const n = word.length - 1;
  if (text.length - nPrompt < n) return false;
  for (let i = 0; i < n; i++) if (text[text.length - n + i] !== word[i]) return false;
  return true;
}
