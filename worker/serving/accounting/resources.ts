/**
 * Estimated cost of an answer on the platform: an extension to usage. Generations share
 * passes and seconds, but each is charged in full, so sums over requests are too high.
 */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { CHUNK_TOKENS } from '../../../engine/model/decoder/plan.ts';
import prices from './prices.json' with { type: 'json' };

export interface ResourcesJson {
  /** Bytes of the model's weights times the number of passes over them. */
  weight_bytes_read: number;
  estimated_usd: number;
  /** Date on which the prices were looked up. */
  prices_of: string;
}

/** @param usages one per generation of the answer */
export function resourcesJson(
  manifest: Pick<DecoderManifest, 'shards'>,
  usages: readonly GenerateUsage[],
): ResourcesJson {
  const weightBytes = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const nPass = usages.reduce((sum, usage) => sum + countPasses(usage), 0);
  const seconds = usages.reduce((sum, usage) => sum + objectMs(usage) / 1000, 0);
  const usd = estimatedUsd(usages.length, seconds);
  return {
    weight_bytes_read: weightBytes * nPass,
    // Twelve decimals: a short answer costs less than a millionth.
    estimated_usd: Number(usd.toFixed(12)),
    prices_of: prices.readOn,
  };
}

/** Estimated cost of a request. @param nCall calls of objects @param seconds that they took */
export function estimatedUsd(nCall: number, seconds: number): number {
  return (
    prices.perRequest +
    nCall * prices.perObjectRequest +
    seconds * prices.objectGb * prices.perObjectGbSecond
  );
}

/** Passes over the weights if the generation ran alone: the prompt's last pass gives the first token. */
export function countPasses(usage: GenerateUsage): number {
  const { promptTokens, cachedTokens, completionTokens, acceptedTokens } = usage;
  const prefill = Math.max(1, Math.ceil((promptTokens - cachedTokens) / CHUNK_TOKENS));
  return prefill + Math.max(0, completionTokens - 1 - acceptedTokens);
}

export function objectMs({ loadMs, queueMs, prefillMs, decodeMs }: GenerateUsage): number {
  return loadMs + queueMs + prefillMs + decodeMs;
}
