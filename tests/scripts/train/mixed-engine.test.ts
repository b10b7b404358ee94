/** What is trained with pictures and sound among its rows is what the engine serves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { frameValues } from '../../../engine/audio/frame-vectors.ts';
import type { GivenPrompt, VectorsSegment } from '../../../engine/generate/prompt.ts';
import type { Modalities, SenseName } from '../../../engine/manifest/modalities.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { patchCount, patchValues } from '../../../engine/vision/patches.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { type LocalModel, loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { byteLevelTokenizerJson } from '../../../scripts/train/byte-tokenizer.ts';
import { exportModel } from '../../../scripts/train/export-model.ts';
import { openVocabulary, MARKERS } from '../../../scripts/train/mini/vocabulary.ts';
import { type Batch, type BatchVectors, Training } from '../../../scripts/train/training.ts';

const IMAGE = { size: 8, patch: 2, window: 4, cell: 1, directions: 0, scan: 'rows' as const };
const AUDIO = { bands: 8, stack: 3, most: 6 };
const SIZES: Readonly<Record<SenseName, { readonly nIn: number; readonly nPosition: number }>> = {
  image: { nIn: patchValues(IMAGE), nPosition: patchCount(IMAGE) },
  audio: { nIn: frameValues(AUDIO), nPosition: AUDIO.most },
};
const vocabulary = openVocabulary(byteLevelTokenizerJson([], Object.values(MARKERS)));
const { ids } = vocabulary;
const MODALITIES: Modalities = {
  image: { ...IMAGE, beginId: ids.beginImage, endId: ids.endImage },
  audio: { ...AUDIO, beginId: ids.beginAudio, endId: ids.endAudio },
};
const SHAPE = {
  ...{ nLayer: 2, dim: 64, nHead: 4, nKvHead: 2, ffnDim: 96, nVocab: vocabulary.nToken },
  ...{ nContext: 160, ropeBase: 10_000, normEps: 1e-5 },
  projectors: [
    { name: 'image', ...SIZES.image },
    { name: 'audio', ...SIZES.audio },
  ],
};
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, maxNorm: 1 };

const random = new SeededRandom(4);
const segment = (sense: SenseName, n: number, hash: string): VectorsSegment => ({
  kind: 'vectors',
  ...{ sense, hash },
  values: Float32Array.from({ length: n * SIZES[sense].nIn }, () => random.next() - 0.5),
});
const words = (text: string): readonly number[] => vocabulary.encode(text);
const PICTURE = segment('image', 16, 'picture');
const SOUND = segment('audio', 4, 'sound');
const tokens = (all: readonly number[]) => ({ kind: 'tokens', ids: all }) as const;
const PROMPT: GivenPrompt = [
  tokens([ids.user, ids.beginImage]),
  PICTURE,
  tokens([ids.endImage, ...words('is there a red circle?'), ids.assistant, ...words('no')]),
  tokens([ids.end, ids.user, ids.beginAudio]),
  SOUND,
  tokens([ids.endAudio, ...words('what do you hear?'), ids.assistant, ...words('seven'), ids.end]),
];

/** The same prompt as a sequence of the trainer. */
function batchOf(prompt: GivenPrompt): { batch: Batch; known: readonly (number | null)[] } {
  const known: (number | null)[] = [];
  const vectors = new Map<string, BatchVectors>();
  for (const part of prompt) {
    if (part.kind === 'tokens') known.push(...part.ids);
    else if (part.kind === 'vectors') {
      const n = part.values.length / SIZES[part.sense].nIn;
      const places = Uint32Array.from({ length: n }, (_, i) => i);
      const rows = places.map((place) => place + known.length);
      vectors.set(part.sense, { values: part.values, rows, places });
      known.push(...Array.from({ length: n }, () => null));
    }
  }
  const batch = {
    tokens: Uint32Array.from(known, (id) => id ?? 0),
    targets: Uint32Array.from(known, (_, i) => known[i + 1] ?? 0),
    weights: Float32Array.from(known, (_, i) => ((known[i + 1] ?? null) === null ? 0 : 1)),
    starts: Uint32Array.of(0, known.length),
    vectors,
  };
  return { batch, known };
}

describe('a model with eyes and ears', () => {
  let folder: string;
  let training: Training;
  let model: LocalModel;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-mixed-'));
    training = await Training.start(
      { shape: SHAPE, nSequence: 1, nThread: 1, optimizer: OPTIMIZER },
      3,
    );
    for (const weight of training.program.plan.graph.weights) {
      const values = training.read(weight);
      for (let i = 0; i < values.length; i++)
        values[i] = weight.nRow === 1 ? 0.5 + random.next() : (random.next() - 0.5) * 0.5;
    }
    await exportModel(join(folder, 'model'), training, SHAPE, {
      ...{ json: vocabulary.json, endId: vocabulary.endOfText, modalities: MODALITIES },
    });
    await importModel({ input: join(folder, 'model'), id: 'mixed', outRoot: folder });
    model = await loadLocalModel('mixed', {}, folder);
  });
  afterAll(async () => {
    await training.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function logprobs(
    prompt: GivenPrompt,
  ): Promise<{ all: readonly (number | null)[]; cached: number }> {
    const request = {
      ...{ prompt, maxTokens: 0, sampling: DEFAULT_SAMPLING, stopTokens: [] },
      ...{ topLogprobs: 0, promptLogprobs: true },
    };
    let all: readonly (number | null)[] = [];
    let cached = 0;
    for await (const event of model.engine.generate(request, new AbortController().signal))
      if (event.type === 'prompt') all = event.logprobs.map((one) => one?.logprob ?? null);
      else if (event.type === 'done') cached = event.usage.cachedTokens;
    return { all, cached };
  }

  test('the manifest has what it reads', () => {
    expect(model.engine.config.modalities).toEqual(MODALITIES);
  });

  test('gives every token of a mixed prompt the probability that the trainer gives it', async () => {
    const { batch, known } = batchOf(PROMPT);
    training.evaluate([batch]);
    const at = training.program.plan.input.losses / 4;
    const losses = training.floats.slice(at, at + known.length);
    const { all } = await logprobs(PROMPT);
    expect(all).toHaveLength(known.length);
    let compared = 0;
    for (let i = 1; i < known.length; i++) {
      if (known[i] === null) expect(all[i]).toBeNull();
      else {
        expect(Math.abs(-all[i]! - losses[i - 1]!), `position ${i}`).toBeLessThan(2e-3);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(40);
  });

  test('another picture changes what follows it', async () => {
    const other = { ...PICTURE, hash: 'other', values: PICTURE.values.map((value) => -value) };
    const [first, second] = [
      await logprobs(PROMPT),
      await logprobs(PROMPT.map((part) => (part === PICTURE ? other : part))),
    ];
    const last = first.all.length - 1;
    expect(Math.abs(first.all[last]! - second.all[last]!)).toBeGreaterThan(1e-3);
  });

  test('refuses senses that it lacks and vectors that it cannot take, and goes on', async () => {
    const bad = (change: Partial<VectorsSegment>): GivenPrompt => [{ ...PICTURE, ...change }];
    const wrong: readonly (readonly [GivenPrompt, RegExp])[] = [
      [bad({ values: new Float32Array(7) }), /7 values of image/],
      [bad({ values: new Float32Array(17 * SIZES.image.nIn) }), /1 to 16 vectors/],
      [bad({ values: new Float32Array(0) }), /1 to 16 vectors/],
      [bad({ values: PICTURE.values.map(() => NaN) }), /NaN/],
      [bad({ hash: '' }), /hash/],
      [bad({ sense: 'smell' as SenseName }), /no projector for smell/],
    ];
    for (const [prompt, message] of wrong) await expect(logprobs(prompt)).rejects.toThrow(message);
    expect((await logprobs(PROMPT)).all.length).toBeGreaterThan(40);
  });
});
