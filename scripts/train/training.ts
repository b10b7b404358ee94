/** A training in memory: its threads, weights and steps. Knows no files. */
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../../engine/base/errors.ts';
import { WASM_PAGE_BYTES } from '../../engine/kernels/wasm/module.ts';
import { instantiateTraining } from '../../engine/kernels/wasm/training-module.ts';
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import { LOSS_SCALE, MEAN_SCALE, NORM, RATE, SQUARE_SCALE } from '../../engine/train/adamw.ts';
import { initWeights } from '../../engine/train/init.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import { buildProgram, type Program, type ProgramConfig } from '../../engine/train/program.ts';
import { nValue, type Tensor } from '../../engine/train/tensor.ts';
import { CONTROL_BYTES, type Crew } from '../../engine/train/threads/crew.ts';
import { distDir } from '../lib/paths.ts';
import { compileWasm, compileWasmOrNull } from '../node-host/compile-wasm.ts';
import { joinCrew } from './crew-seat.ts';

/** As a source file, or beside the bundle of the program. */
const THREAD_FILE = join(import.meta.dirname, `training-thread${extname(import.meta.filename)}`);

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

export class Training {
  readonly program: Program;
  readonly #crew: Crew;
  readonly #workers: readonly Worker[];
  readonly #config: ProgramConfig;
  readonly #floats: Float32Array;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  /** Updates so far. */
  nStep = 0;

  private constructor(
    config: ProgramConfig,
    memory: WebAssembly.Memory,
    program: Program,
    crew: Crew,
    workers: readonly Worker[],
  ) {
    this.#config = config;
    this.program = program;
    this.#crew = crew;
    this.#workers = workers;
    this.#floats = new Float32Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#doubles = new Float64Array(memory.buffer);
    const { nContext, ropeBase } = config.shape;
    const { data, headDim } = program.plan.ropeTable;
    const { frequencies } = ropeFrequencies(headDim, ropeBase, { kind: 'none' });
    this.#floats.set(ropeValues(nContext, frequencies), data / 4);
  }

  /** @param seed of the first weights */
  static async start(config: ProgramConfig, seed: number): Promise<Training> {
    const path = (name: string): string => join(distDir, 'kernels', `${name}.wasm`);
    const module =
      (await compileWasmOrNull(path('training'))) ?? (await compileWasm(path('training-simd')));
    const memory = await planMemory(module, config);
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const seat = { module, memory, control, config };
    const workers = Array.from(
      { length: config.nThread - 1 },
      (_, i) =>
        new Worker(THREAD_FILE, {
          workerData: { ...seat, index: i + 1 },
        }),
    );
    const { crew, program } = await joinCrew({ ...seat, index: 0 });
    const training = new Training(config, memory, program, crew, workers);
    for (const { tensor, values } of initWeights(program.plan.graph.weights, config.shape, seed))
      training.write(tensor, values);
    return training;
  }

  /** Values of a tensor; a view. */
  read(tensor: Pick<Tensor, 'data' | 'nRow' | 'nCol'>): Float32Array {
    return this.#floats.subarray(tensor.data / 4, tensor.data / 4 + nValue(tensor));
  }

  /** Its slopes; a view. */
  slopes(tensor: Tensor): Float32Array {
    const at = (tensor.grad ?? 0) / 4;
    return this.#floats.subarray(at, at + nValue(tensor));
  }

  write(tensor: Tensor, values: Float32Array): void {
    this.#floats.set(values, tensor.data / 4);
  }

  /** The running means of a weight; views. */
  moments(weight: Tensor): { readonly mean: Float32Array; readonly square: Float32Array } {
    const found = this.program.update.moments.get(weight)!;
    const view = (at: number): Float32Array =>
      this.#floats.subarray(at / 4, at / 4 + nValue(weight));
    return { mean: view(found.mean), square: view(found.square) };
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
    this.#crew.run('clear');
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
    this.nStep++;
    const { beta1, beta2 } = this.#config.optimizer;
    const at = this.program.scalars / 8;
    this.#doubles[at + RATE] = rate;
    this.#doubles[at + MEAN_SCALE] = 1 / (1 - beta1 ** this.nStep);
    this.#doubles[at + SQUARE_SCALE] = 1 / (1 - beta2 ** this.nStep);
    this.#doubles[at + LOSS_SCALE] = 1 / weight;
    this.#crew.run('update');
    return { loss: loss / weight, norm: this.#doubles[at + NORM]! };
  }

  async close(): Promise<void> {
    this.#crew.stop();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #pass(command: 'learn' | 'evaluate', { tokens, targets, weights }: Batch) {
    const { input } = this.program.plan;
    this.#words.set(tokens, input.tokens / 4);
    this.#words.set(targets, input.ids / 4);
    this.#floats.set(weights, input.weights / 4);
    this.#crew.run(command);
    const at = input.losses / 4;
    let [loss, weight] = [0, 0];
    for (let i = 0; i < weights.length; i++) {
      loss += this.#floats[at + i]!;
      weight += weights[i]!;
    }
    return { loss, weight };
  }
}

/** The memory of a program, whose size only a program says. */
async function planMemory(
  module: WebAssembly.Module,
  config: ProgramConfig,
): Promise<WebAssembly.Memory> {
  const kernels = await instantiateTraining(module, sharedMemory(1));
  const { nByte } = buildProgram(config, kernels, () => new Float64Array());
  return sharedMemory(Math.ceil(nByte / WASM_PAGE_BYTES));
}

function sharedMemory(nPage: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: nPage, maximum: nPage, shared: true });
}
