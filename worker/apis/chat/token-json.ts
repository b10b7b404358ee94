/** Log-probabilities of tokens in the two formats of OpenAI's API. */
import type { TokenLogprob } from '../../../engine/generate/types.ts';
import { Detokenizer } from '../../../engine/text/detokenizer.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';

/** A token as text; part of a character shows as U+FFFD. */
export function tokenText(tokenizer: Tokenizer, token: number): string {
  return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(
    tokenizer.tokenBytes(token),
  );
}

export interface ChatTokenJson {
  token: string;
  logprob: number;
  bytes: number[];
  top_logprobs: { token: string; logprob: number; bytes: number[] }[];
}

/** @param nTop alternatives that are shown at most */
export function chatTokenJson(
  tokenizer: Tokenizer,
  entry: TokenLogprob,
  nTop = Infinity,
): ChatTokenJson {
  const one = ({ token, logprob }: { token: number; logprob: number }) => ({
    token: tokenText(tokenizer, token),
    logprob,
    bytes: [...tokenizer.tokenBytes(token)],
  });
  return { ...one(entry), top_logprobs: entry.top.slice(0, nTop).map(one) };
}

/** A token of a prompt and its alternatives by their ids, as vLLM shows them; the rank is null below them. */
export type PromptTokenJson = Record<
  string,
  { logprob: number; rank: number | null; decoded_token: string }
>;

export function promptTokenJson(
  tokenizer: Tokenizer,
  { token, logprob, top }: TokenLogprob,
): PromptTokenJson {
  const at = top.findIndex((one) => one.token === token);
  const ranked = top.map((one, i) => ({ ...one, rank: i + 1 }));
  const own = { token, logprob, rank: at < 0 ? null : at + 1 };
  return Object.fromEntries(
    [own, ...ranked].map(({ token: id, logprob: p, rank }) => [
      id,
      { logprob: p, rank, decoded_token: tokenText(tokenizer, id) },
    ]),
  );
}

/** The older format: parallel arrays. */
export interface LegacyLogprobsJson {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

export class LegacyLogprobs {
  readonly #tokenizer: Tokenizer;
  readonly #detokenizer: Detokenizer;
  #offset = 0;

  /** @param atTextStart whether the first token added begins the text, as with an echoed prompt */
  constructor(tokenizer: Tokenizer, atTextStart: boolean) {
    this.#tokenizer = tokenizer;
    this.#detokenizer = new Detokenizer(tokenizer, { atTextStart, special: true });
  }

  /** @param entries one per token; null for the first prompt token, which nothing predicts */
  add(tokens: readonly number[], entries: readonly (TokenLogprob | null)[]): LegacyLogprobsJson {
    const json: LegacyLogprobsJson = {
      tokens: [],
      token_logprobs: [],
      top_logprobs: [],
      text_offset: [],
    };
    tokens.forEach((token, i) => {
      const entry = entries[i] ?? null;
      const text = tokenText(this.#tokenizer, token);
      // As with OpenAI the token itself is always among them, so that there may be one more than asked for.
      const top =
        entry === null
          ? undefined
          : [...entry.top, entry].map((one): [string, number] => [
              tokenText(this.#tokenizer, one.token),
              one.logprob,
            ]);
      json.tokens.push(text);
      json.token_logprobs.push(entry?.logprob ?? null);
      // Of tokens with the same text (parts of characters) the most likely stays: entries are sorted.
      json.top_logprobs.push(top === undefined ? null : Object.fromEntries(top.toReversed()));
      json.text_offset.push(this.#offset);
      // A BOS token that encoding added is not part of the text.
      const isAddedBos = this.#offset === 0 && token === this.#tokenizer.facts.bosId;
      if (!isAddedBos) this.#offset += this.#detokenizer.push(token).length;
    });
    return json;
  }
}

export function joinLegacy(parts: readonly LegacyLogprobsJson[]): LegacyLogprobsJson {
  return {
    tokens: parts.flatMap((part) => part.tokens),
    token_logprobs: parts.flatMap((part) => part.token_logprobs),
    top_logprobs: parts.flatMap((part) => part.top_logprobs),
    text_offset: parts.flatMap((part) => part.text_offset),
  };
}
