/** From a row of logits to a token and its log-probabilities, as a request wants them. */
import type { DecoderBackend } from '../model/decoder/contract.ts';
import type { SamplerChain, TokenFilter } from '../sample/chain.ts';
import type { SamplerContext } from '../sample/sampler.ts';
import { topTokens } from '../sample/top-tokens.ts';
import type { TokenLogprob } from './types.ts';

/**
 * The token after the text. A function of the logits, the text and the parameters alone: the random
 * number belongs to the position, so that nothing that runs beside changes it. Called once per token, in
 * order: a chain may remember what it drew.
 */
export function pickToken(
  decoder: DecoderBackend,
  row: number,
  chain: SamplerChain,
  context: SamplerContext,
  filter: TokenFilter | null,
): number {
  const likeliest = decoder.argmax(row);
  if (chain.isGreedy && (filter === null || filter.allows(likeliest))) return likeliest;
  const logits = decoder.logits(row);
  const top = logits[likeliest]!;
  const mass = chain.wantsMass ? decoder.sumExp(row, top) : null;
  return chain.pick(logits, context, { top, mass }, filter);
}

/** Log-probability of `token` in the model's own distribution, with the `nTop` most likely tokens. */
export function logprobOf(
  decoder: DecoderBackend,
  row: number,
  token: number,
  nTop: number,
): TokenLogprob {
  const logits = decoder.logits(row);
  const total = logSumExp(decoder, row);
  const of = (id: number) => ({ token: id, logprob: logits[id]! - total });
  return { ...of(token), top: topTokens(logits, nTop).map(of) };
}

/** log of the sum of e^logit over the row. */
function logSumExp(decoder: DecoderBackend, row: number): number {
  const top = decoder.logits(row)[decoder.argmax(row)]!;
  return top + Math.log(decoder.sumExp(row, top));
}
