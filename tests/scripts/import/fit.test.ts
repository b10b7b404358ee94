/** Types chosen under a budget: never above it, near the best there is, refused with numbers. */
import { describe, expect, test } from 'vitest';
import { archTensors } from '../../../engine/archs/index.ts';
import { LLAMA } from '../../../engine/archs/decoders/llama.ts';
import type { ByteSource } from '../../../engine/formats/byte-source.ts';
import { sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { fitUnderBudget, lowerHull, predictedLoss } from '../../../scripts/import/precision/fit.ts';
import type { FitChoice, FitGroup, FittedGroup } from '../../../scripts/import/precision/fit.ts';
import { fitModel } from '../../../scripts/import/precision/fit-chooser.ts';
import { fitTable } from '../../../scripts/import/precision/fit-report.ts';
import type { MatchedTensor } from '../../../scripts/import/open/opened-model.ts';
import { roundingError } from '../../../scripts/import/precision/rounding-loss.ts';
import { failure } from '../../support/import-folder.ts';
import { SMOLLM2_CONFIG } from '../../support/planned-manifest.ts';
import { seededRandom } from '../../support/random.ts';

const choice = (bytes: number, lossNats: number): FitChoice => ({ dtypes: [], bytes, lossNats });
const bytesOf = (fitted: readonly FittedGroup[]) =>
  fitted.reduce((sum, { choice: { bytes } }) => sum + bytes, 0);

describe('lowerHull', () => {
  test('leaves out what is never worth its bytes', () => {
    const hull = lowerHull([
      choice(10, 1),
      choice(40, 0),
      choice(20, 0.9), // above the line from 40 to 10
      choice(30, 0.1),
      choice(35, 0.5), // larger and worse than 30
    ]);
    expect(hull.map(({ bytes }) => bytes)).toEqual([40, 30, 10]);
  });

  test('a smaller choice that is no worse makes larger ones needless', () => {
    expect(lowerHull([choice(40, 0), choice(20, 0), choice(10, 2)])).toEqual([
      choice(20, 0),
      choice(10, 2),
    ]);
  });
});

describe('fitUnderBudget', () => {
  const random = seededRandom(3);
  const groups: FitGroup[] = Array.from({ length: 6 }, (_, i) => {
    let bytes = 100 + Math.floor(random() * 900);
    let lossNats = 0;
    const choices = Array.from({ length: 4 }, () => {
      const made = choice(bytes, lossNats);
      bytes = Math.ceil(bytes * (0.5 + random() * 0.4));
      lossNats += random() ** 3;
      return made;
    });
    return { name: `g${i}`, members: [], choices };
  });
  const every = groups.reduce<FitChoice[][]>(
    (sets, group) => sets.flatMap((set) => group.choices.map((made) => [...set, made])),
    [[]],
  );
  const total = (set: readonly FitChoice[], key: 'bytes' | 'lossNats') =>
    set.reduce((sum, made) => sum + made[key], 0);
  const leastLoss = (budget: number) =>
    Math.min(
      ...every.filter((set) => total(set, 'bytes') <= budget).map((set) => total(set, 'lossNats')),
    );
  const largest = groups.reduce((sum, { choices }) => sum + choices[0]!.bytes, 0);
  const least = groups.reduce((sum, { choices }) => sum + choices.at(-1)!.bytes, 0);
  const largestStep = Math.max(
    ...groups.map(({ choices }) => choices[0]!.bytes - choices.at(-1)!.bytes),
  );

  test('never exceeds the budget, and is as good as the best set of one step less', () => {
    for (let budget = least; budget <= largest; budget += 37) {
      const fitted = fitUnderBudget(groups, (set) => bytesOf(set) <= budget)!;
      expect(bytesOf(fitted)).toBeLessThanOrEqual(budget);
      const bound = leastLoss(budget - largestStep);
      expect(predictedLoss(fitted)).toBeLessThanOrEqual(bound + 1e-12);
      expect(predictedLoss(fitted)).toBeGreaterThanOrEqual(leastLoss(budget) - 1e-12);
    }
  });

  test('takes the best of everything when there is room', () => {
    expect(predictedLoss(fitUnderBudget(groups, (set) => bytesOf(set) <= largest)!)).toBe(0);
  });

  test('gives back room that the last step freed', () => {
    const two: FitGroup[] = [
      { name: 'a', members: [], choices: [choice(10, 0), choice(9, 0.001)] },
      { name: 'b', members: [], choices: [choice(100, 0), choice(10, 5)] },
    ];
    const fitted = fitUnderBudget(two, (set) => bytesOf(set) <= 30)!;
    expect(fitted.map(({ choice: { bytes } }) => bytes)).toEqual([10, 10]);
  });

  test('is null when not even the smallest choices fit', () => {
    expect(fitUnderBudget(groups, (set) => bytesOf(set) < least)).toBeNull();
  });
});

/** Halves of one magnitude and random signs and mantissas, the same whenever they are read. */
const randomHalves: ByteSource = {
  name: 'random',
  bytes: Number.MAX_SAFE_INTEGER,
  async read(offset, length) {
    const random = seededRandom(offset % 2 ** 31);
    const halves = Uint16Array.from(
      { length: length / 2 },
      () => 0x2400 | (Math.floor(random() * 0x10000) & 0x83ff),
    );
    return new Uint8Array(halves.buffer);
  },
};

const CONFIG = { ...SMOLLM2_CONFIG, nLayer: 2, nVocab: 16384 };
const matchedOf = (dtype: SourceDtype): MatchedTensor[] => {
  let offset = 0;
  return archTensors(LLAMA, CONFIG)
    .filter(({ required }) => required)
    .map((instance) => {
      const type = instance.spec.role === 'norm' ? 'F32' : dtype;
      const bytes = sourceBytes(type, instance.shape[0] * instance.shape[1]);
      const dims = instance.shape;
      offset += bytes;
      const source = randomHalves;
      return {
        instance,
        tensor: {
          name: instance.places.gguf!.name,
          dtype: type,
          dims,
          source,
          offset: offset - bytes,
          bytes,
        },
      };
    });
};

describe('fitModel', () => {
  const matched = matchedOf('F16');
  const model = { id: 'random', architecture: 'llama', config: CONFIG };
  const fit = (budgetBytes: number, nCtx = 256) =>
    fitModel(model, matched, { budgetBytes, nCtx }, () => null);

  const nothingFits = async () => {
    const error = await failure(fit(1e6));
    return { error, leastBytes: (error.details as { totalBytes: number }).totalBytes };
  };

  test('the memory plan never exceeds the budget, and more room never costs more', async () => {
    const { leastBytes } = await nothingFits();
    const most = await fit(1e9);
    // 8 bits throughout, the finest of a float file.
    expect(most.predictedChange).toBeLessThan(0.01);
    let last = Infinity;
    for (const share of [0, 0.2, 0.5, 0.9]) {
      const budgetBytes = Math.floor(leastBytes + share * (most.plan.totalBytes - leastBytes));
      const { plan, predictedChange, groups } = await fit(budgetBytes);
      expect(plan.totalBytes).toBeLessThanOrEqual(budgetBytes);
      expect(predictedChange).toBeLessThan(last);
      last = predictedChange;
      const names = groups.flatMap(({ group }) => group.members);
      expect(new Set(names).size).toBe(matched.length);
    }
    expect(last).toBeGreaterThan(most.predictedChange);
  });

  test('what reads the same activations gets one type, and small tensors stay whole', async () => {
    const { leastBytes } = await nothingFits();
    const report = await fit(leastBytes + 2e6);
    const dtypes = new Map(
      report.groups.flatMap(({ group, choice: { dtypes: types } }) =>
        group.members.map((name, i) => [name, types[i]!] as const),
      ),
    );
    for (let layer = 0; layer < CONFIG.nLayer; layer++) {
      const of = (name: string) => dtypes.get(`layers.${layer}.${name}`);
      expect(of('kProj')).toBe(of('qProj'));
      expect(of('vProj')).toBe(of('qProj'));
      expect(of('upProj')).toBe(of('gateProj'));
      expect(of('attnNorm')).toBe('f32');
    }
    expect(fitTable(report)).toContain('| tokEmbd |');
  });

  test('refuses with what the smallest types need', async () => {
    const { error, leastBytes } = await nothingFits();
    expect(error.code).toBe('E_MEMORY_BUDGET');
    expect(error.message).toMatch(/--fit 1\.0 MB.*needs \d+\.\d MB \(weights \d+\.\d MB/);
    expect(error.message).toContain('smaller model');
    expect(error.details).toMatchObject({ budgetBytes: 1e6, nCtx: 256 });
    expect((await fit(leastBytes)).plan.totalBytes).toBe(leastBytes);
  });
});

describe('roundingError', () => {
  const tensor = matchedOf('F16').find(({ instance }) => instance.name === 'layers.0.downProj')!;

  test('rises as bits fall', async () => {
    const errors = [];
    for (const dtype of ['f32', 'q8', 'q6', 'q5m', 'q5', 'q4m', 'q4'] as const)
      errors.push(await roundingError(tensor, dtype, null));
    expect(errors[0]).toBe(0);
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeGreaterThan(errors[i - 1]!);
  });

  test('counts columns by their weights', async () => {
    const weights = new Float32Array(CONFIG.nFf).fill(1e-6);
    weights.fill(1, 0, 32);
    const plain = await roundingError(tensor, 'q4', null);
    const weighted = await roundingError(tensor, 'q4', weights);
    expect(weighted).not.toBe(plain);
    expect(weighted).toBeLessThan(plain * 1.5);
  });

  test('nothing is lost where a layout holds the values', async () => {
    const [four] = matchedOf('Q4_1');
    expect(await roundingError(four!, 'q4m', null)).toBe(0);
  });
});
