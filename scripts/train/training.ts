/** A training of a whole decoder in memory: its steps. Knows no files. */
import { EngineError } from '../../engine/base/errors.ts';
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import { initWeights } from '../../engine/train/init.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import type { DecoderProgramConfig } from '../../engine/train/program.ts';
import { startCrew, Trainer } from './trainer.ts';

/** Sequences of one pass: tokens, what follows each, and how much each counts. */
export interface Batch {
  readonly tokens: Uint32Array;
  readonly targets: Uint32Array;
  readonly weights: Float32Array;
}

export interface StepResult {
  /** Mean loss of a token, by weight. */
  readonly loss: number;
  /** Length of the slopes before clipping. */
  readonly norm: number;
}

export class Training extends Trainer<DecoderProgramConfig> {
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

  #pass(command: 'learn' | 'evaluate', { tokens, targets, weights }: Batch) {
    const { input } = this.program.plan;
    this.words.set(tokens, input.tokens / 4);
    this.words.set(targets, input.ids / 4);
    this.floats.set(weights, input.weights / 4);
    this.run(command);
    const at = input.losses / 4;
    let [loss, weight] = [0, 0];
    for (let i = 0; i < weights.length; i++) {
      loss += this.floats[at + i]!;
      weight += weights[i]!;
    }
    return { loss, weight };
  }
}
