/**
 * Which tokens Whisper may choose next (openai/whisper, decoding.py: SuppressBlank, SuppressTokens,
 * ApplyTimestampRules). Changes logits in place: forbidden tokens get -Infinity.
 */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import { TIMESTAMP_SECONDS } from '../types.ts';
import type { TranscribeOptions } from '../types.ts';

export class TokenRules {
  readonly #tokens: RecognitionConfig['tokens'];
  readonly #suppress: readonly number[];
  readonly #suppressFirst: readonly number[];
  readonly #withTimestamps: boolean;
  readonly #lastInitial: number | null;

  constructor(
    config: RecognitionConfig,
    options: Pick<
      TranscribeOptions,
      'suppressTokens' | 'suppressBlank' | 'withTimestamps' | 'maxInitialTimestamp'
    >,
  ) {
    this.#tokens = config.tokens;
    this.#suppress = options.suppressTokens ?? config.suppress;
    this.#suppressFirst = options.suppressBlank ? config.suppressFirst : [];
    this.#withTimestamps = options.withTimestamps;
    this.#lastInitial =
      options.maxInitialTimestamp === null
        ? null
        : Math.round(options.maxInitialTimestamp / TIMESTAMP_SECONDS);
  }

  isTimestamp(token: number): boolean {
    return token >= this.#tokens.timestampBegin;
  }

  /** @param sampled tokens chosen so far in this answer */
  apply(logits: Float32Array, sampled: readonly number[]): void {
    const { endOfText, timestampBegin } = this.#tokens;
    for (const token of this.#suppress) logits[token] = -Infinity;
    if (sampled.length === 0) for (const token of this.#suppressFirst) logits[token] = -Infinity;
    // Languages, tasks and other special tokens: never within an answer.
    logits.fill(-Infinity, endOfText + 1, timestampBegin);
    if (this.#withTimestamps) this.#applyTimestamps(logits, sampled);
    else logits.fill(-Infinity, timestampBegin);
  }

  #applyTimestamps(logits: Float32Array, sampled: readonly number[]): void {
    const { timestampBegin, endOfText } = this.#tokens;
    const [last, beforeLast] = [sampled.at(-1), sampled.at(-2)];
    const isAfterTime = last !== undefined && this.isTimestamp(last);
    const isAfterPair = beforeLast === undefined || this.isTimestamp(beforeLast);
    // Times come in pairs, one that ends a segment and one that begins the next.
    if (isAfterTime && isAfterPair) logits.fill(-Infinity, timestampBegin);
    else if (isAfterTime) logits.fill(-Infinity, 0, endOfText);
    const lastTime = sampled.findLast((token) => this.isTimestamp(token));
    if (lastTime !== undefined) {
      // They never go back, and a segment is longer than nothing.
      const least = isAfterTime && !isAfterPair ? lastTime : lastTime + 1;
      logits.fill(-Infinity, timestampBegin, Math.min(least, logits.length));
    }
    if (sampled.length === 0) {
      logits.fill(-Infinity, 0, timestampBegin);
      if (this.#lastInitial !== null)
        logits.fill(-Infinity, timestampBegin + this.#lastInitial + 1);
    }
    if (timesAreLikelier(logits, timestampBegin)) logits.fill(-Infinity, 0, timestampBegin);
  }
}

/** Whether all timestamps together are likelier than the likeliest other token. */
function timesAreLikelier(logits: Float32Array, timestampBegin: number): boolean {
  let topTime = -Infinity;
  for (let i = timestampBegin; i < logits.length; i++)
    if (logits[i]! > topTime) topTime = logits[i]!;
  if (topTime === -Infinity) return false;
  let sum = 0;
  for (let i = timestampBegin; i < logits.length; i++) sum += Math.exp(logits[i]! - topTime);
  const together = topTime + Math.log(sum);
  for (let i = 0; i < timestampBegin; i++) if (logits[i]! >= together) return false;
  return true;
}
