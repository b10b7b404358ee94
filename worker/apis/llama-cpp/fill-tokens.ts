/** Tokens by which a model is asked to fill a gap (arXiv 2207.14255), as families name them. */
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';

export interface FillTokens {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
  /** Tokens that end what is filled in, besides the model's own. */
  readonly ends: readonly number[];
}

interface FillNames {
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string;
  readonly ends: readonly string[];
}

const NAMES: readonly FillNames[] = [
  // Qwen 2.5 Coder.
  {
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    ends: ['<|endoftext|>', '<|fim_pad|>', '<|repo_name|>', '<|file_sep|>', '<|cursor|>'],
  },
  // StarCoder 2.
  { prefix: '<fim_prefix>', suffix: '<fim_suffix>', middle: '<fim_middle>', ends: ['<file_sep>'] },
  // Code Gemma.
  {
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    ends: ['<|file_separator|>'],
  },
];

/** Null for a model without such tokens. */
export function fillTokens(tokenizer: Tokenizer): FillTokens | null {
  for (const names of NAMES) {
    const [prefix, suffix, middle] = [names.prefix, names.suffix, names.middle].map((name) =>
      tokenOf(tokenizer, name),
    );
    if (prefix == null || suffix == null || middle == null) continue;
    const ends = names.ends
      .map((name) => tokenOf(tokenizer, name))
      .filter((token) => token !== null);
    return { prefix, suffix, middle, ends };
  }
  return null;
}

/** The token that a name is by itself. */
function tokenOf(tokenizer: Tokenizer, name: string): number | null {
  const ids = tokenizer.encode(name, { special: true });
  return ids.length === 1 ? ids[0]! : null;
}
