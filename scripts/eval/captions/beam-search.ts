/**
 * The likeliest texts of a model that is asked for one token at a time, several kept side by side (beam search). Scores are
 * mean logarithms a token, as transformers' `length_penalty` of 1 has them, so that short texts have no advantage.
 */

export interface Candidate {
  readonly token: number;
  /** Natural logarithm of its probability. */
  readonly logprob: number;
}

export interface BeamOptions {
  /** Texts that are kept. */
  readonly nBeam: number;
  readonly maxTokens: number;
  /** Tokens that end a text; they count for its score, and are left out of it. */
  readonly ends: readonly number[];
  /** The likeliest tokens after each text, at least nBeam + 1 of each, likeliest first. */
  readonly follow: (
    texts: readonly (readonly number[])[],
  ) => Promise<readonly (readonly Candidate[])[]>;
}

interface Beam {
  readonly tokens: readonly number[];
  readonly logprob: number;
}

/** @returns the best text that ended, or the best one that is as long as is allowed */
export async function beamSearch(options: BeamOptions): Promise<readonly number[]> {
  const { nBeam, maxTokens, ends, follow } = options;
  let open: readonly Beam[] = [{ tokens: [], logprob: 0 }];
  let ended: readonly (Beam & { readonly score: number })[] = [];
  for (let length = 1; length <= maxTokens && open.length > 0; length++) {
    const followed = await follow(open.map(({ tokens }) => tokens));
    const grown = open
      .flatMap(({ tokens, logprob }, i) =>
        followed[i]!.map((one) => ({
          ...{ tokens, token: one.token, logprob: logprob + one.logprob },
        })),
      )
      .toSorted((a, b) => b.logprob - a.logprob)
      // Even if every open text could end, nBeam others are left to go on with.
      .slice(0, 2 * nBeam);
    const isEnd = ({ token }: { readonly token: number }): boolean => ends.includes(token);
    ended = [
      ...ended,
      ...grown
        .slice(0, nBeam)
        .filter(isEnd)
        .map(({ tokens, logprob }) => ({ tokens, logprob, score: logprob / length })),
    ]
      .toSorted((a, b) => b.score - a.score)
      .slice(0, nBeam);
    open = grown
      .filter((one) => !isEnd(one))
      .slice(0, nBeam)
      .map(({ tokens, token, logprob }) => ({ tokens: [...tokens, token], logprob }));
    // As many as are wanted have ended, and no open one is better as it is.
    const worst = ended[nBeam - 1]?.score ?? -Infinity;
    if (open.every(({ logprob }) => logprob / length <= worst)) break;
  }
  return (ended[0] ?? open[0])?.tokens ?? [];
}
