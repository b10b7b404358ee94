/** Whether the cache of prompts tells one subject what another has asked: by `cached_tokens`, and by time. */
import type { KeyClient } from '../../lib/key-client.ts';
import type { SeededRandom } from '../../lib/seeded-random.ts';

/** Random prompts of one subject share their beginning-of-text token, and at times a first letter or two. */
const MAX_CHANCE_TOKENS = 4;

export interface CacheProbes {
  readonly nProbe: number;
  /** Prompts of somebody else, or of nobody, of which more tokens came from a cache than by chance. */
  readonly nCached: number;
  /** Tokens that were cached when the other asked its own prompt again: the probe would see a hit. */
  readonly ownCachedTokens: number;
  /** Medians of the time for an answer: to prompts that the other has asked, and to prompts that nobody has. */
  readonly askedMs: number;
  readonly newMs: number;
}

export async function probeCache(
  owner: KeyClient,
  other: KeyClient,
  random: SeededRandom,
  nProbe: number,
): Promise<CacheProbes> {
  const asked: number[] = [];
  const fresh: number[] = [];
  let [nCached, ownCachedTokens] = [0, 0];
  for (let probe = 0; probe < nProbe; probe++) {
    const [theirs, nobodys] = [longPrompt(random), longPrompt(random)];
    await complete(owner, theirs);
    ownCachedTokens += (await complete(owner, theirs)).cachedTokens;
    const isFirst = random.chance(0.5);
    for (const prompt of isFirst ? [theirs, nobodys] : [nobodys, theirs]) {
      const { cachedTokens, ms } = await complete(other, prompt);
      if (cachedTokens > MAX_CHANCE_TOKENS) nCached++;
      (prompt === theirs ? asked : fresh).push(ms);
    }
  }
  const [askedMs, newMs] = [median(asked), median(fresh)];
  return { nProbe, nCached, ownCachedTokens, askedMs, newMs };
}

function longPrompt(random: SeededRandom): string {
  return Array.from({ length: 16 }, () => random.word()).join(' ');
}

interface Completed {
  readonly cachedTokens: number;
  readonly ms: number;
}

async function complete(client: KeyClient, prompt: string): Promise<Completed> {
  const startedAt = performance.now();
  const { text } = await client.ask('/v1/completions', { prompt, max_tokens: 1 });
  const ms = performance.now() - startedAt;
  type Answer = { usage: { prompt_tokens_details: { cached_tokens: number } } };
  const { usage } = JSON.parse(text) as Answer;
  return { cachedTokens: usage.prompt_tokens_details.cached_tokens, ms };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[sorted.length >> 1] ?? 0) * 100) / 100;
}
