/** A training of a whole decoder in memory: its steps. Knows no files. */
import { EngineError } from '../../engine/base/errors.ts';
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import { initWeights } from '../../engine/train/init.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import type { DecoderProgramConfig } from '../../engine/train/program.ts';
import type { Targets } from '../../engine/train/ops/next-token.ts';
import { evenStarts } from '../../engine/train/row-layout.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import { startCrew, type StartedCrew, type StepResult, Trainer } from './trainer.ts';

/** Vectors of one kind (`ProjectorShape`) that take rows of a pass in place of its tokens. */
export interface BatchVectors {
  /** [n, nIn] */
  readonly values: Float32Array;
  /** Row that each takes; no two take one. */
  readonly rows: Uint32Array;
  /** Its place in its segment. */
  readonly places: Uint32Array;
}

/** Sequences of one pass: tokens, what follows each, and how much each counts. */
export interface Batch {
  readonly tokens: Uint32Array;
  readonly targets: Uint32Array;
  readonly weights: Float32Array;
  /** First row of every sequence, then the number of rows; sequences of nContext rows by default. */
  readonly starts?: Uint32Array;
  /**
   * By the name of their kind; tokens of rows that they take are not read. What is learned of these rows is learned after the
   * shape's `labelLayer`, where it has one.
   */
  readonly vectors?: ReadonlyMap<string, BatchVectors>;
}

export const NO_VECTORS: BatchVectors = {
  ...{ values: new Float32Array(), rows: new Uint32Array(), places: new Uint32Array() },
};

export class Training extends Trainer<DecoderProgramConfig> {
  readonly #shape: DecoderShape;

  private constructor(started: StartedCrew<DecoderProgramConfig>) {
    super(started);
    this.#shape = started.config.shape;
  }

  /** @param seed of the first weights */
  static async start(config: DecoderProgramConfig, seed: number): Promise<Training> {
    const training = new Training(await startCrew(config));
    const { shape } = config;
    const { plan } = training.program;
    const { headDim } = plan.ropeTable;
    const { frequencies } = ropeFrequencies(headDim, shape.ropeBase, { kind: 'none' });
    training.write(plan.ropeTable, ropeValues(shape.nContext, frequencies));
    for (const { tensor, values } of initWeights(plan.graph.weights, shape, seed))
      training.write(tensor, values);
    return training;
  }

  /** Mean loss of batches, without learning. */
  evaluate(batches: Iterable<Batch>): number {
    let [loss, weight] = [0, 0];
    for (const batch of batches) {
      const sum = this.#pass('evaluate', batch);
      loss += sum.loss;
      weight += sum.weight;
    }
    return weight === 0 ? NaN : loss / weight;
  }

  /** Slopes of the mean loss of batches, unscaled by the weights' sum, and that sum. */
  accumulate(batches: Iterable<Batch>): { readonly loss: number; readonly weight: number } {
    this.run('clear');
    let [loss, weight] = [0, 0];
    for (const batch of batches) {
      const sum = this.#pass('learn', batch);
      loss += sum.loss;
      weight += sum.weight;
    }
    return { loss, weight };
  }

  /**
   * One update from batches that are seen one after the other.
   * @throws {EngineError} E_USAGE when the loss is not a number: the weights are then as before
   */
  step(batches: Iterable<Batch>, rate: number): StepResult {
    const { loss, weight } = this.accumulate(batches);
    if (weight === 0 || !Number.isFinite(loss))
      throw new EngineError(
        'E_USAGE',
        `training: the loss of step ${this.nStep + 1} is ${weight === 0 ? 'of no token' : loss}. Lower the rate, or look at the rows of this step.`,
        { details: { step: this.nStep + 1 } },
      );
    return { norm: this.update(rate, weight), loss: loss / weight };
  }

  /**
   * The likeliest token after each row that counts, without learning; other rows 0.
   * @returns one a row
   */
  predict(batch: Batch): Uint32Array {
    this.#pass('evaluate', batch);
    const { last, head } = this.program.plan;
    const [rows, table] = [this.read(last), this.read(head)];
    return Uint32Array.from(batch.weights, (weight, row) =>
      weight === 0 ? 0 : likeliest(rows.subarray(row * last.nCol, (row + 1) * last.nCol), table),
    );
  }

  #pass(command: 'learn' | 'evaluate', batch: Batch) {
    this.#write(batch);
    this.run(command);
    const { input } = this.program.plan;
    const n = batch.tokens.length;
    const sum = (at: number): number =>
      this.floats.subarray(at / 4, at / 4 + n).reduce((a, b) => a + b, 0);
    return {
      loss: sum(input.losses) + (input.labels === null ? 0 : sum(input.labels.losses)),
      weight: batch.weights.reduce((a, b) => a + b, 0),
    };
  }

  #write({ tokens, targets, weights, starts, vectors }: Batch): void {
    const { input } = this.program.plan;
    const { nContext, projectors = [] } = this.#shape;
    this.words.set(tokens, input.tokens / 4);
    this.words.set(targets, input.ids / 4);
    this.floats.set(weights, input.weights / 4);
    this.words[input.layout / 4] = tokens.length;
    this.words.set(starts ?? evenStarts(tokens.length, nContext), input.layout / 4 + 1);
    for (const [i, { name }] of projectors.entries()) {
      const to = input.vectors[i]!;
      const { values, rows, places } = vectors?.get(name) ?? NO_VECTORS;
      this.words[to.count / 4] = rows.length;
      this.floats.set(values, to.values / 4);
      this.words.set(rows, to.rows / 4);
      this.words.set(places, to.places / 4);
    }
    if (input.labels !== null)
      this.#moveLabels(input.labels, targets, [...(vectors?.values() ?? [])]);
  }

  #moveLabels(labels: Targets, targets: Uint32Array, vectors: readonly BatchVectors[]): void {
    const from = this.program.plan.input.weights / 4;
    const to = labels.weights / 4;
    this.words.set(targets, labels.ids / 4);
    this.floats.fill(0, to, to + targets.length);
    for (const { rows } of vectors)
      for (const row of rows) {
        this.floats[to + row] = this.floats[from + row]!;
        this.floats[from + row] = 0;
      }
  }
}

/** Row of `table` whose product with x is largest; the first of equal ones. */
function likeliest(x: Float32Array, table: Float32Array): number {
  const n = x.length;
  let [best, top] = [0, -Infinity];
  for (let at = 0, id = 0; at < table.length; id++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[i]! * table[at++]!;
    if (sum > top) [best, top] = [id, sum];
  }
  return best;
}
