/** Adapters of stored decoders: losses, slopes and steps, against another project's automatic differentiation. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nValue, type Tensor } from '../../engine/train/tensor.ts';
import type { AdapterTraining } from '../../scripts/finetune/adapter-training.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import {
  importSmall,
  plainWeights,
  smallBase,
  smallPass,
  startSmall,
} from '../support/adapter-training.ts';
import { jaxDecoder, type PlainMatrix } from '../support/jax-decoder.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-adapter-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** The engine's name of an adapter's matrix. */
function plainName(name: string): string {
  const [, layer, target, side] = /^model\.layers\.(\d+)\..*?(\w+)_proj\.lora_([AB])\.weight$/.exec(
    name,
  )!;
  return `layers.${layer}.${target}Proj.${side!.toLowerCase()}`;
}

/** Rows of b of queries and keys from the order of halves to the stored one of neighbours, where they are stored so. */
function asStored(
  { name, nRow, nCol }: Tensor,
  values: ArrayLike<number>,
  isNear: boolean,
): PlainMatrix {
  const out = Float64Array.from(values);
  if (isNear && /[qk]_proj\.lora_B/.test(name))
    for (let row = 0; row < nRow; row++) {
      const [head, i] = [Math.floor(row / 8), row % 8];
      const stored = head * 8 + (i < 4 ? 2 * i : 2 * (i - 4) + 1);
      for (let col = 0; col < nCol; col++) out[stored * nCol + col] = values[row * nCol + col]!;
    }
  return { nRow, nCol, values: out };
}

/** Matrices that are wide enough for every slope to count. */
function fillAdapter(training: AdapterTraining, seed: number): void {
  const random = new SeededRandom(seed);
  for (const weight of training.program.plan.graph.weights) {
    const values = training.read(weight);
    for (let i = 0; i < values.length; i++) values[i] = (random.next() - 0.5) * 0.4;
  }
}

describe.each([
  ['floats', 'lossless', {}],
  ['eight bits with biases', 'q8', {}, ['qBias', 'kBias', 'vBias', 'downBias']],
  ['eight bits', 'q8', {}],
  ['six bits, with a head of its own', 'q6', { tiedHead: false }],
  ['floats with a tied head', 'lossless', { tiedHead: true }],
] as const)('on a base of %s', (what, preset, changes, biases: readonly string[] = []) => {
  test('losses and all slopes are those of automatic differentiation', async () => {
    const { source } = await importSmall(root, preset, changes, undefined, 'models', biases);
    expect(source.manifest.tensors.some(({ name }) => /Bias$/.test(name))).toBe(biases.length > 0);
    const { config } = source.manifest;
    const base = await plainWeights(source);
    const training = await startSmall(source);
    try {
      fillAdapter(training, 3);
      const { weights } = training.program.plan.graph;
      expect(weights).toHaveLength(config.nLayer * 7 * 2);
      const isNear = config.ropePairing === 'adjacent';
      expect(isNear).toBe(true);
      const plain = (values: (weight: Tensor) => ArrayLike<number>) =>
        new Map(
          weights.map((one) => [plainName(one.name), asStored(one, values(one), isNear)] as const),
        );
      const pass = smallPass(config.nVocab, 1);
      // Alpha is twice the rank.
      const gates = pass.active.map((isActive) => 2 * isActive);
      const adapter = plain((weight) => training.read(weight));
      const expected = await jaxDecoder(config, base, adapter, pass, gates);
      training.clear();
      const losses = training.learn(pass);
      const loss = losses.reduce((sum, one) => sum + one, 0);
      expect(Math.abs(loss - expected.loss) / expected.loss, what).toBeLessThan(1e-5);
      const evaluated = training.evaluate(pass).reduce((sum, one) => sum + one, 0);
      expect(evaluated).toBe(loss);
      for (const [name, { values }] of plain((weight) => training.slopes(weight))) {
        const wanted = expected.slopes.get(name)!;
        const length = Math.sqrt(wanted.reduce((sum, slope) => sum + slope * slope, 0));
        const gap = Math.sqrt(wanted.reduce((sum, slope, i) => sum + (slope - values[i]!) ** 2, 0));
        expect(length, name).toBeGreaterThan(0);
        expect(gap / length, name).toBeLessThan(1e-4);
      }
    } finally {
      await training.close();
    }
  });
});

describe('steps', () => {
  let source: Awaited<ReturnType<typeof smallBase>>;
  let nVocab = 0;
  beforeAll(async () => {
    source = await smallBase(root, 'q6');
    ({ nVocab } = source.manifest.config);
  });

  const withTraining = async <T>(
    options: Parameters<typeof startSmall>[1],
    run: (training: AdapterTraining) => T,
  ): Promise<T> => {
    const training = await startSmall(source, options);
    try {
      return run(training);
    } finally {
      await training.close();
    }
  };

  test('any number of threads gives the same weights, to the bit', async () => {
    const bits = [];
    for (const nThread of [1, 2, 3])
      bits.push(
        await withTraining({ nThread }, (training) => {
          for (const seed of [1, 2, 3]) {
            training.clear();
            training.learn(smallPass(nVocab, seed));
            training.learn(smallPass(nVocab, seed + 10));
            training.step(1e-2, 100);
          }
          const { weights } = training.program.plan.graph;
          return weights.map((one) => new Uint32Array(training.read(one).slice().buffer));
        }),
      );
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
  });

  test('a new adapter changes nothing, and what is learned by heart is known', async () => {
    await withTraining({}, (training) => {
      const pass = { ...smallPass(nVocab, 4), weights: new Float32Array(110).fill(1) };
      const sum = (losses: Float32Array): number => losses.reduce((a, b) => a + b, 0);
      expect(training.evaluate(pass)).toEqual(training.evaluate(pass, false));
      const first = sum(training.evaluate(pass));
      for (let i = 0; i < 200; i++) {
        training.clear();
        training.learn(pass);
        training.step(2e-2, pass.picks.length);
      }
      expect(sum(training.evaluate(pass))).toBeLessThan(first / 1.5);
      expect(sum(training.evaluate(pass, false))).toBe(first);
    });
  });

  test('slopes of a pass that was evaluated are those of one that is learned', async () => {
    await withTraining({}, (training) => {
      fillAdapter(training, 5);
      const pass = smallPass(nVocab, 6);
      const { weights } = training.program.plan.graph;
      const slopes = () => weights.map((one) => training.slopes(one).slice());
      training.clear();
      training.learn(pass);
      const whole = slopes();
      training.clear();
      training.evaluate({ ...pass, weights: pass.weights.map(() => 1) });
      training.learnAgain(pass.weights);
      expect(slopes()).toEqual(whole);
    });
  });

  test('slopes that are no numbers end the training, and the weights stay', async () => {
    await withTraining({}, (training) => {
      training.clear();
      training.learn(smallPass(nVocab, 6));
      const { weights } = training.program.plan.graph;
      const before = weights.map((one) => training.read(one).slice());
      training.slopes(weights[3]!)[5] = Infinity;
      expect(() => training.step(1e-2, 100)).toThrow(/slopes of step 1 are not numbers\. Lower/);
      expect(weights.map((one) => training.read(one).slice())).toEqual(before);
      expect(training.nStep).toBe(0);
    });
  });

  test('rows before the adapter counts are those of the base', async () => {
    await withTraining({}, (training) => {
      fillAdapter(training, 7);
      const pass = smallPass(nVocab, 8);
      const half = { ...pass, active: pass.active.map((_, row) => (row < 50 ? 0 : 1)) };
      const [with_, without] = [training.evaluate(half), training.evaluate(half, false)];
      const before = pass.picks.findLastIndex((row) => row < 50) + 1;
      expect(with_.slice(0, before)).toEqual(without.slice(0, before));
      expect(with_.slice(before)).not.toEqual(without.slice(before));
    });
  });

  test('of some targets only these are learned', async () => {
    await withTraining({ targets: ['q', 'v'], rank: 8 }, (training) => {
      const { weights } = training.program.plan.graph;
      expect(weights.map(({ name }) => name.replace(/^.*self_attn\./, ''))).toEqual(
        [0, 1].flatMap(() =>
          ['q', 'v'].flatMap((target) => [
            `${target}_proj.lora_A.weight`,
            `${target}_proj.lora_B.weight`,
          ]),
        ),
      );
      training.clear();
      training.learn(smallPass(nVocab, 9));
      for (const weight of weights.filter(({ name }) => name.includes('lora_B')))
        expect(training.slopes(weight).some((slope) => slope !== 0)).toBe(true);
      expect(nValue(weights[0]!)).toBe(8 * 48);
    });
  });
});

test('a head of some tokens compares those alone: losses and slopes follow from those of the whole head', async () => {
  const source = await smallBase(root, 'q8');
  const { nVocab } = source.manifest.config;
  // No whole number of tiles, the first and the last among them.
  const headIds = Uint32Array.from([0, 3, 17, 18, 40, 77, 101, 130, nVocab - 1]);
  const [some, all] = [await startSmall(source, { headIds }), await startSmall(source)];
  try {
    fillAdapter(some, 5);
    fillAdapter(all, 5);
    const made = smallPass(nVocab, 6);
    const pass = { ...made, targets: made.targets.map((id) => headIds[id % headIds.length]!) };
    const ones = pass.weights.map(() => 1);
    const whole = Array.from(headIds, (id) => {
      const targets = pass.targets.map(() => id);
      return { targets, losses: all.evaluate({ ...pass, targets, weights: ones }) };
    });
    // -log of the part that is the target's of what those tokens have together.
    const sums = Array.from(pass.picks, (_, i) =>
      whole.reduce((sum, { losses }) => sum + Math.exp(-losses[i]!), 0),
    );
    some.clear();
    const losses = some.learn(pass);
    const targetLosses = all.evaluate({ ...pass, weights: ones });
    for (const [i, sum] of sums.entries())
      expect(losses[i]).toBeCloseTo(pass.weights[i]! * (targetLosses[i]! + Math.log(sum)), 3);
    all.clear();
    all.learn(pass);
    for (const { targets, losses: each } of whole) {
      const weights = pass.weights.map((w, i) => (-w * Math.exp(-each[i]!)) / sums[i]!);
      all.learn({ ...pass, targets, weights });
    }
    for (const [w, weight] of some.program.plan.graph.weights.entries()) {
      const wanted = all.slopes(all.program.plan.graph.weights[w]!);
      const got = some.slopes(weight);
      const size = Math.hypot(...wanted);
      expect(size, weight.name).toBeGreaterThan(0);
      expect(Math.hypot(...wanted.map((slope, i) => slope - got[i]!)) / size).toBeLessThan(1e-3);
    }
    expect(() => some.learn(made)).toThrow(/is not among those of the head/);
  } finally {
    await some.close();
    await all.close();
  }
});
