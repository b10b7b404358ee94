/** Generations over stages that restart, answer late, or belong to another leader: the text stays the same. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { archByName } from '../../engine/archs/index.ts';
import type { EngineError } from '../../engine/base/errors.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { RingOptions } from '../../engine/model/decoder/ring.ts';
import type { DecoderStage } from '../../engine/model/decoder/stage.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { engineOver } from '../support/backend-engines.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { configOf, FAMILY_TEXT, tensorsOf, titleOf } from '../support/fixture-model.ts';
import { engineFrom, sourceFrom, STORIES_FILE, temporaryFolder } from '../support/models.ts';
import { familyGguf } from '../support/random-model.ts';
import { seededRandom } from '../support/random.ts';
import { request } from '../support/requests.ts';
import { RemoteStage, ringFrom, ringOver, stagesFrom, STORIES_PIECES } from '../support/rings.ts';

const never = () => new AbortController().signal;

async function textOf(engine: Engine, asked: GenerateRequest): Promise<number[]> {
  const tokens: number[] = [];
  for await (const event of engine.generate(asked, never()))
    if (event.type === 'token') tokens.push(event.token);
  return tokens;
}

const GREEDY = request({ maxTokens: 60 });
const SAMPLED = request({
  maxTokens: 60,
  sampling: { ...DEFAULT_SAMPLING, temperature: 0.9, topP: 0.95, seed: 7 },
});
const PENALIZED = request({
  maxTokens: 60,
  sampling: { ...DEFAULT_SAMPLING, repetitionPenalty: 1.3 },
});
const WITH_LOGPROBS = request({ maxTokens: 20, topLogprobs: 3, promptLogprobs: true });

describe('stages that fail', () => {
  let source: ModelSource<DecoderManifest>;
  let stages: DecoderStage[];
  let links: RemoteStage[];
  let expected: number[][];
  beforeAll(async () => {
    source = await sourceFrom(STORIES_FILE, 'lossless');
    stages = await stagesFrom(source, STORIES_PIECES);
    const whole = await engineFrom(STORIES_FILE, 'lossless');
    expected = [];
    for (const asked of [GREEDY, SAMPLED, PENALIZED]) expected.push(await textOf(whole, asked));
  });

  const open = (options: Partial<RingOptions> = {}) => {
    links = stages.map((stage) => new RemoteStage(stage));
    return engineOver(ringOver(source.manifest, stages, links, options));
  };
  const texts = (engine: Engine) =>
    Promise.all([GREEDY, SAMPLED, PENALIZED].map((asked) => textOf(engine, asked)));

  it.each([false, true])('say the same as one memory, overlapping: %s', async (overlap) => {
    expect(await texts(open({ overlap }))).toEqual(expected);
  });

  it('let others have a turn after each stage of a long prompt, and not in a pass for one token', async () => {
    let nTurn = 0;
    const takeTurn = () => Promise.resolve(void nTurn++);
    const promptTokens = Array.from({ length: 40 }, (_, i) => i + 5);
    const nLayerStage = stages.filter(({ piece }) => piece.layers[0] < piece.layers[1]).length;
    await textOf(open({ takeTurn }), request({ promptTokens, maxTokens: 20 }));
    expect(nTurn).toBe(nLayerStage);
    await textOf(open({ takeTurn, overlap: true }), request({ promptTokens, maxTokens: 1 }));
    expect(nTurn).toBe(nLayerStage);
  });

  it('cost a re-evaluation when they restart, and no token', async () => {
    const engine = open();
    const random = seededRandom(11);
    let nRestart = 0;
    for (const link of links)
      link.before = (call) => {
        if (call === 'open' || random() > 0.02) return;
        nRestart++;
        link.stage = link.stage.restarted();
      };
    expect(await texts(engine)).toEqual(expected);
    expect(nRestart).toBeGreaterThan(5);
    expect(engine.stats().nRunning).toBe(0);
  });

  it('are refused when a pass comes twice or late', async () => {
    const engine = open();
    const last = links.at(-1);
    let held: (() => unknown) | null = null;
    let n = 0;
    last.replace = (call, run) => {
      if (++n !== 9) return run();
      // The answer is late: the call itself arrives once the next session has begun.
      held = () => last.stage.layers(call);
      throw stageLost(last.name, 'did not answer');
    };
    expect(await textOf(engine, GREEDY)).toEqual(expected[0]);
    expect(held!).toThrow(expect.objectContaining({ code: 'E_STAGE_LOST' }) as EngineError);
  });

  it('serve one leader at a time, and the other evaluates again', async () => {
    const [first, second] = [open(), open()];
    const both = await Promise.all([textOf(first, GREEDY), textOf(first, SAMPLED)]);
    expect(both).toEqual(expected.slice(0, 2));
    expect(await textOf(second, GREEDY)).toEqual(expected[0]);
    expect(await textOf(first, SAMPLED)).toEqual(expected[1]);
  });

  it('that stay away end the generation with their name, and are asked again by the next', async () => {
    const engine = open();
    const [link] = links;
    link!.before = () => {
      throw stageLost('stage-0', 'did not answer');
    };
    await expect(textOf(engine, GREEDY)).rejects.toMatchObject({
      code: 'E_STAGE_LOST',
      details: { stage: 'stage-0', retryAfterS: 5 },
    });
    link!.before = () => {};
    expect(await textOf(engine, GREEDY)).toEqual(expected[0]);
  });
});

describe.each(FAMILY_FIXTURES.map((fixture) => [titleOf(fixture), fixture] as const))(
  '%s',
  (_, fixture) => {
    it('says the same in a ring, with the same log-probabilities', async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'tiny.gguf');
      const config = configOf(fixture);
      await writeFile(file, familyGguf(archByName(fixture.family), config, tensorsOf(fixture)));
      const half = config.nLayer >> 1;
      const ring = await ringFrom(file, 'lossless', [
        { layers: [half, config.nLayer], rows: [0, config.nVocab] },
        { layers: [0, half], rows: [0, 0] },
      ]);
      const whole = await engineFrom(file, 'lossless');
      const asked = { ...WITH_LOGPROBS, prompt: request({ promptTokens: FAMILY_TEXT }).prompt };
      const events = async (engine: Engine) => {
        const seen: unknown[] = [];
        for await (const event of engine.generate(asked, never()))
          if (event.type === 'token' || event.type === 'prompt') seen.push(event);
        return seen;
      };
      expect(await events(engineOver(ring))).toEqual(await events(whole));
    });
  },
);
