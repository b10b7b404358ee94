/** A training of vectors of pairs in memory: its steps. Knows no files. */
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import { initWeights } from '../../engine/train/init.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import type { PairProgramConfig } from '../../engine/train/program.ts';
import { startCrew, type StartedCrew, type StepResult, Trainer } from './trainer.ts';

/** Pairs of a step: all of a's texts, nContext rows each, then all of b's. */
export interface PairBatch {
  readonly tokens: Uint32Array;
  /** Per row its share of its text's vector; 0 for rows after the text. */
  readonly shares: Float32Array;
}

export interface PairsEvaluated {
  /** Mean loss of a pair. */
  readonly loss: number;
  /** Share of the texts of both sides whose own one is the nearest of the other side's in their batch. */
  readonly right: number;
}

export class PairTraining extends Trainer<PairProgramConfig> {
  readonly #nPair: number;
  readonly #dim: number;

  private constructor(started: StartedCrew<PairProgramConfig>) {
    super(started);
    this.#nPair = started.config.nPair;
    this.#dim = started.config.pairs.dim;
  }

  /** @param seed of the first weights */
  static async start(config: PairProgramConfig, seed: number): Promise<PairTraining> {
    const training = new PairTraining(await startCrew(config));
    const { pairs: shape, nPair } = config;
    const { ropeTable, input, graph } = training.program.plan;
    const { frequencies } = ropeFrequencies(ropeTable.headDim, shape.ropeBase, { kind: 'none' });
    training.write(ropeTable, ropeValues(shape.nContext, frequencies));
    for (const { tensor, values } of initWeights(graph.weights, shape, seed))
      training.write(tensor, values);
    for (let i = 0; i < nPair; i++) training.words[input.ids / 4 + i] = i;
    // Each way counts half.
    training.floats.fill(0.5, input.weights / 4, input.weights / 4 + nPair);
    return training;
  }

  /** Mean loss of batches without learning, and how many texts find their own one. */
  evaluate(batches: Iterable<PairBatch>): PairsEvaluated {
    let [loss, right, nText] = [0, 0, 0];
    for (const batch of batches) {
      loss += this.#pass('evaluate', batch);
      right += this.#countRight();
      nText += 2 * this.#nPair;
    }
    return { loss: (2 * loss) / nText, right: right / nText };
  }

  /** Slopes of the sum of the losses of one batch, and that sum. */
  accumulate(batch: PairBatch): number {
    this.run('clear');
    return this.#pass('learn', batch);
  }

  /**
   * One update from pairs that are compared with each other.
   * @throws {EngineError} E_USAGE when the loss is not a number: the weights are then as before
   */
  step(batch: PairBatch, rate: number): StepResult {
    return this.updateByPairs(this.accumulate(batch), this.#nPair, rate);
  }

  /** Vectors of both sides of the last batch, [nPair, dim] each; views. */
  get vectors(): readonly [a: Float32Array, b: Float32Array] {
    return this.#sides(this.program.plan.vectors);
  }

  /** Their slopes. */
  get vectorSlopes(): readonly [a: Float32Array, b: Float32Array] {
    return this.#sides(this.program.plan.vectorSlopes);
  }

  #sides([a, b]: readonly [number, number]): readonly [a: Float32Array, b: Float32Array] {
    const size = { nRow: this.#nPair, nCol: this.#dim };
    return [this.read({ ...size, data: a }), this.read({ ...size, data: b })];
  }

  #pass(command: 'learn' | 'evaluate', { tokens, shares }: PairBatch): number {
    const { input } = this.program.plan;
    this.words.set(tokens, input.tokens / 4);
    this.floats.set(shares, input.shares / 4);
    this.run(command);
    const at = input.losses / 4;
    return this.floats.subarray(at, at + 2 * this.#nPair).reduce((sum, loss) => sum + loss, 0);
  }

  #countRight(): number {
    const [n, dim] = [this.#nPair, this.#dim];
    const [a, b] = this.vectors.map((rows) =>
      Array.from({ length: n }, (_, i) => unit(rows.subarray(i * dim, (i + 1) * dim))),
    ) as [Float64Array[], Float64Array[]];
    const nearest = (one: Float64Array, others: readonly Float64Array[]): number => {
      const cosines = others.map((other) => other.reduce((sum, x, i) => sum + x * one[i]!, 0));
      return cosines.indexOf(Math.max(...cosines));
    };
    let right = 0;
    for (let i = 0; i < n; i++) {
      if (nearest(a[i]!, b) === i) right++;
      if (nearest(b[i]!, a) === i) right++;
    }
    return right;
  }
}

function unit(values: Float32Array): Float64Array {
  const length = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0)) || 1;
  return Float64Array.from(values, (x) => x / length);
}
