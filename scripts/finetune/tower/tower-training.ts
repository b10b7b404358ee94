/** A training of an image tower in memory: its steps. Knows no files. */
import type { TowerProgramConfig } from '../../../engine/train/program.ts';
import type { Tensor } from '../../../engine/train/tensor.ts';
import { startCrew, type StartedCrew, type StepResult, Trainer } from '../../train/trainer.ts';
import type { TowerBatch } from './tower-data.ts';

export class TowerTraining extends Trainer<TowerProgramConfig> {
  readonly #nPair: number;

  private constructor(started: StartedCrew<TowerProgramConfig>) {
    super(started);
    this.#nPair = started.config.nPair;
  }

  /** @param first values of every weight, by its name */
  static async start(
    config: TowerProgramConfig,
    first: (weights: readonly Tensor[]) => ReadonlyMap<string, Float32Array>,
  ): Promise<TowerTraining> {
    const training = new TowerTraining(await startCrew(config));
    const { input, graph } = training.program.plan;
    const values = first(graph.weights);
    for (const weight of graph.weights) training.write(weight, values.get(weight.name)!);
    const { nPair } = config;
    training.words[input.pictures.count / 4] = nPair;
    for (let i = 0; i < nPair; i++) training.words[input.ids / 4 + i] = i;
    // Each way counts half.
    training.floats.fill(0.5, input.weights / 4, input.weights / 4 + nPair);
    return training;
  }

  /** Mean loss of batches without learning; null for none. */
  evaluate(batches: readonly TowerBatch[]): number | null {
    const losses = batches.map((batch) => this.#pass('evaluate', batch));
    const nPair = batches.length * this.#nPair;
    return nPair === 0 ? null : losses.reduce((sum, loss) => sum + loss, 0) / nPair;
  }

  /** Slopes of the sum of the losses of one batch, and that sum. */
  accumulate(batch: TowerBatch): number {
    this.run('clear');
    return this.#pass('learn', batch);
  }

  /**
   * One update from pairs that are compared with each other.
   * @throws {EngineError} E_USAGE when the loss is not a number: the weights are then as before
   */
  step(batch: TowerBatch, rate: number): StepResult {
    return this.updateByPairs(this.accumulate(batch), this.#nPair, rate);
  }

  #pass(command: 'learn' | 'evaluate', { pictures, texts }: TowerBatch): number {
    const { input } = this.program.plan;
    this.floats.set(pictures, input.pictures.values / 4);
    this.floats.set(texts, input.texts / 4);
    this.run(command);
    const at = input.losses / 4;
    return this.floats.subarray(at, at + 2 * this.#nPair).reduce((sum, loss) => sum + loss, 0);
  }
}
