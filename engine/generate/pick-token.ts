/** From a row of logits to a token and its log-probabilities, as a request wants them. */
import type { Decoder } from '../model/decoder.ts';
import { applyPenalties, hasPenalties, sampleToken, topTokens } from '../sample/sampler.ts';
import type { SamplingParams, TokenLogprob } from './types.ts';

/**
 * The token behind `text`. A function of the logits, the text and the parameters alone: the random
 * number belongs to the position, so that nothing that runs beside changes it.
 */
export function pickToken(
  decoder: Decoder,
  row: number,
  p: SamplingParams,
  text: readonly number[],
  nPrompt: number,
): number {
  const penalized = hasPenalties(p);
  if (!penalized && p.temperature === 0) return decoder.argmax(row);
  const view = decoder.logits(row);
  const logits = penalized ? view.slice() : view;
  if (penalized)
    applyPenalties(logits, p, { prompt: text.slice(0, nPrompt), completion: text.slice(nPrompt) });
  if (p.temperature === 0) return topTokens(logits, 1)[0]!;
  return sampleToken(logits, p, text.length - nPrompt);
}

/** Of the model's own distribution, with the `nTop` most likely tokens. */
export function logprobOf(
  decoder: Decoder,
  row: number,
  token: number,
  nTop: number,
): TokenLogprob {
  const logits = decoder.logits(row);
  const total = decoder.logSumExp(row);
  const of = (id: number) => ({ token: id, logprob: logits[id]! - total });
  return { ...of(token), top: topTokens(logits, nTop).map(of) };
}
