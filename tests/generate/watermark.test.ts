/** Watermarked generations of stories260K: found, and the same whole and in pieces. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../engine/generate/engine.ts';
import type { GenerateEvent, GenerateRequest } from '../../engine/generate/types.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { WatermarkKey } from '../../engine/sample/watermark-hash.ts';
import { scoreWatermark } from '../../engine/sample/watermark-score.ts';
import { engineOver } from '../support/backend-engines.ts';
import { engineFrom, sourceFrom, STORIES_FILE } from '../support/models.ts';
import { request } from '../support/requests.ts';
import { RemoteStage, ringOver, stagesFrom, STORIES_PIECES } from '../support/rings.ts';

const KEY: WatermarkKey = [11, 22, 33, 44];
const MARKED = request({
  maxTokens: 200,
  sampling: { ...DEFAULT_SAMPLING, seed: 3, watermark: KEY },
});

async function run(engine: Engine, asked: GenerateRequest) {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(asked, new AbortController().signal))
    events.push(event);
  return {
    tokens: events.flatMap((event) => (event.type === 'token' ? [event.token] : [])),
    logprobs: events.flatMap((event) => (event.type === 'token' ? [event.logprob] : [])),
    usage: events.flatMap((event) => (event.type === 'done' ? [event.usage] : []))[0]!,
  };
}

describe('a watermarked generation', () => {
  it('is found, and only with its key', async () => {
    const engine = await engineFrom(STORIES_FILE, 'lossless');
    const { tokens } = await run(engine, MARKED);
    expect(scoreWatermark(KEY, tokens).pValue).toBeLessThan(1e-4);
    expect(scoreWatermark([1, 2, 3, 4], tokens).pValue).toBeGreaterThan(0.01);
    const plain = await run(engine, {
      ...MARKED,
      sampling: { ...MARKED.sampling, watermark: null },
    });
    expect(scoreWatermark(KEY, plain.tokens).pValue).toBeGreaterThan(0.01);
  });

  it('is the same over pieces in other isolates', async () => {
    const source = await sourceFrom(STORIES_FILE, 'lossless');
    const stages = await stagesFrom(source, STORIES_PIECES);
    const links = stages.map((stage) => new RemoteStage(stage));
    const ring = engineOver(ringOver(source.manifest, stages, links));
    const whole = await engineFrom(STORIES_FILE, 'lossless');
    const { tokens } = await run(whole, MARKED);
    expect((await run(ring, MARKED)).tokens).toEqual(tokens);
  });

  it("reports the model's own log-probabilities", async () => {
    const engine = await engineFrom(STORIES_FILE, 'lossless');
    const asked = { ...MARKED, maxTokens: 30, topLogprobs: 2 };
    const { tokens, logprobs } = await run(engine, asked);
    // Scored as a prompt, where nothing is sampled.
    const again = request({ promptTokens: [1, ...tokens], maxTokens: 0, promptLogprobs: true });
    const events: GenerateEvent[] = [];
    for await (const event of engine.generate(again, new AbortController().signal))
      events.push(event);
    const scored = events.flatMap((event) =>
      event.type === 'prompt' ? event.logprobs.slice(1) : [],
    );
    expect(scored.map((entry) => entry?.token)).toEqual(tokens);
    for (const [i, entry] of scored.entries())
      expect(entry!.logprob).toBeCloseTo(logprobs[i]!.logprob, 4);
  });
});
