/** OpenAI's usage object, and the timings of a generation as an extension. */
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';

export interface UsageJson {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number };
  /** Extension: drafted tokens, which are evaluated together, and how many of them were accepted. */
  speculation: { drafted_tokens: number; accepted_tokens: number };
}

export interface TimingsJson {
  load_ms: number;
  queue_ms: number;
  prefill_ms: number;
  decode_ms: number;
}

export function usageJson(usage: GenerateUsage): UsageJson {
  const { promptTokens, completionTokens, cachedTokens, draftedTokens, acceptedTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: {
      cached_tokens: cachedTokens,
      // What is evaluated of a prompt stays in the cache.
      cache_write_tokens: promptTokens - cachedTokens,
    },
    speculation: { drafted_tokens: draftedTokens, accepted_tokens: acceptedTokens },
  };
}

export function timingsJson(usage: GenerateUsage): TimingsJson {
  const { loadMs, queueMs, prefillMs, decodeMs } = usage;
  return { load_ms: loadMs, queue_ms: queueMs, prefill_ms: prefillMs, decode_ms: decodeMs };
}

/** Usage of parallel answers to one prompt: the prompt counts once, times are the longest. */
export function joinChoices(usages: readonly GenerateUsage[]): GenerateUsage {
  const longest = (of: (usage: GenerateUsage) => number): number => Math.max(0, ...usages.map(of));
  const total = usages.reduce(addUsage, NO_USAGE);
  const [first] = usages;
  return {
    ...total,
    promptTokens: first?.promptTokens ?? 0,
    cachedTokens: longest(({ cachedTokens }) => cachedTokens),
    loadMs: longest(({ loadMs }) => loadMs),
    queueMs: longest(({ queueMs }) => queueMs),
    prefillMs: longest(({ prefillMs }) => prefillMs),
    decodeMs: longest(({ decodeMs }) => decodeMs),
  };
}

export function addUsage(a: GenerateUsage, b: GenerateUsage): GenerateUsage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    draftedTokens: a.draftedTokens + b.draftedTokens,
    acceptedTokens: a.acceptedTokens + b.acceptedTokens,
    loadMs: a.loadMs + b.loadMs,
    queueMs: a.queueMs + b.queueMs,
    prefillMs: a.prefillMs + b.prefillMs,
    decodeMs: a.decodeMs + b.decodeMs,
  };
}
