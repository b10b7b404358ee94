/**
 * What an answer cost the platform, as an estimate: an extension beside usage. Generations share
 * passes and seconds, and each is charged for all of its own, so sums over requests are too high.
 */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { CHUNK_TOKENS } from '../../../engine/model/decoder/plan.ts';
import prices from './prices.json' with { type: 'json' };

export interface ResourcesJson {
  /** Weights of the model times passes over them. */
  weight_bytes_read: number;
  estimated_usd: number;
  /** The day the prices were read. */
  prices_of: string;
}

/** @param usages of each generation of the answer. */
export function resourcesJson(
  manifest: Pick<DecoderManifest, 'shards'>,
  usages: readonly GenerateUsage[],
): ResourcesJson {
  const weightBytes = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const nPass = usages.reduce((sum, usage) => sum + countPasses(usage), 0);
  const seconds = usages.reduce((sum, usage) => sum + objectMs(usage) / 1000, 0);
  const usd =
    prices.perRequest +
    usages.length * prices.perObjectRequest +
    seconds * prices.objectGb * prices.perObjectGbSecond;
  return {
    weight_bytes_read: weightBytes * nPass,
    // Twelve digits behind the point: a short answer costs parts of a millionth.
    estimated_usd: Number(usd.toFixed(12)),
    prices_of: prices.readOn,
  };
}

/** Passes over the weights, were the generation alone: the prompt's last gives the first token. */
export function countPasses(usage: GenerateUsage): number {
  const { promptTokens, cachedTokens, completionTokens, acceptedTokens } = usage;
  const prefill = Math.max(1, Math.ceil((promptTokens - cachedTokens) / CHUNK_TOKENS));
  return prefill + Math.max(0, completionTokens - 1 - acceptedTokens);
}

function objectMs({ loadMs, queueMs, prefillMs, decodeMs }: GenerateUsage): number {
  return loadMs + queueMs + prefillMs + decodeMs;
}
