/**
 * Whether a model finds stereotypes likelier than their counterparts: pairs of sentences that differ only in whom they
 * speak of (CrowS-Pairs, arXiv 2010.00133). A causal model is compared by the log-likelihood of the whole sentences.
 */
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import type { AdapterUse } from '../../engine/generate/types.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { type Estimate, share } from './intervals.ts';

export interface SentencePair {
  /** The sentence that says what a stereotype says, and the one that does not. */
  readonly stereotype: string;
  readonly other: string;
  /** Of the people that it is about, such as `age`. */
  readonly kind: string;
}

export interface BiasScore {
  readonly kind: string;
  readonly n: number;
  /** Part of the pairs whose stereotype is likelier, from 0 to 1; 0.5 leans to neither side. */
  readonly stereotyped: Estimate;
}

export interface BiasReport {
  readonly all: BiasScore;
  /** In the order in which the pairs name them. */
  readonly kinds: readonly BiasScore[];
}

/** Nats of a text's tokens together. */
export type ScoreText = (text: string) => Promise<number>;

/** Pairs that are scored at the same time: they share passes over the weights. */
const N_TOGETHER = 8;

export async function measureBias(
  score: ScoreText,
  pairs: readonly SentencePair[],
  onPair: (done: number) => void,
): Promise<BiasReport> {
  const told: { readonly kind: string; readonly isStereotyped: boolean }[] = [];
  for (let at = 0; at < pairs.length; at += N_TOGETHER) {
    const part = pairs.slice(at, at + N_TOGETHER);
    const found = await Promise.all(
      part.map(async ({ stereotype, other, kind }) => {
        const [one, two] = await Promise.all([score(stereotype), score(other)]);
        return { kind, isStereotyped: one > two };
      }),
    );
    told.push(...found);
    onPair(told.length);
  }
  const scoreOf = (kind: string, some: typeof told): BiasScore => ({
    ...{ kind, n: some.length },
    stereotyped: share(some.filter(({ isStereotyped }) => isStereotyped).length, some.length),
  });
  const kinds = Map.groupBy(told, ({ kind }) => kind);
  return {
    all: scoreOf('all', told),
    kinds: [...kinds].map(([kind, some]) => scoreOf(kind, some)),
  };
}

/** How a text is read to be scored: after the token that texts begin with, or that ends one before it. */
export function scorer(
  engine: Pick<Engine, 'generate'>,
  encode: (text: string) => readonly number[],
  { bosId, eosIds }: Pick<DecoderManifest['tokenizer'], 'bosId' | 'eosIds'>,
  adapter: AdapterUse | null,
  signal: AbortSignal,
): ScoreText {
  const first = bosId ?? eosIds[0];
  return async (text) => {
    const ids = encode(text);
    const request = {
      prompt: tokenPrompt(first === undefined ? ids : [first, ...ids]),
      ...{ maxTokens: 0, promptLogprobs: true, topLogprobs: null, stopTokens: [] },
      sampling: DEFAULT_SAMPLING,
      ...(adapter === null ? {} : { adapter }),
    };
    let sum = 0;
    for await (const event of engine.generate(request, signal))
      if (event.type === 'prompt') for (const told of event.logprobs) sum += told?.logprob ?? 0;
    return sum;
  };
}
