/** A program of training in memory: its threads, its weights and their updates. Knows no data. */
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../../engine/base/errors.ts';
import { WASM_PAGE_BYTES } from '../../engine/kernels/wasm/module.ts';
import {
  instantiateTraining,
  type TrainingKernels,
} from '../../engine/kernels/wasm/training-module.ts';
import { LOSS_SCALE, MEAN_SCALE, NORM, RATE, SQUARE_SCALE } from '../../engine/train/adamw.ts';
import {
  buildProgram,
  type Command,
  type Program,
  type ProgramConfig,
} from '../../engine/train/program.ts';
import { nValue, type Tensor } from '../../engine/train/tensor.ts';
import { CONTROL_BYTES, type Crew } from '../../engine/train/threads/crew.ts';
import { distDir } from '../lib/paths.ts';
import { compileWasm, compileWasmOrNull } from '../node-host/compile-wasm.ts';
import { joinCrew } from './crew-seat.ts';

/** As a source file, or beside the bundle of the program. */
const THREAD_FILE = join(import.meta.dirname, `training-thread${extname(import.meta.filename)}`);

export interface StartedCrew<C extends ProgramConfig> {
  readonly config: C;
  readonly kernels: TrainingKernels;
  readonly memory: WebAssembly.Memory;
  readonly program: Program<C>;
  readonly crew: Crew;
  readonly workers: readonly Worker[];
}

/** The kernels of training, in the build that this machine runs. */
export async function compileTraining(): Promise<WebAssembly.Module> {
  const path = (name: string): string => join(distDir, 'kernels', `${name}.wasm`);
  return (await compileWasmOrNull(path('training'))) ?? (await compileWasm(path('training-simd')));
}

export async function startCrew<C extends ProgramConfig>(config: C): Promise<StartedCrew<C>> {
  const module = await compileTraining();
  const memory = await planMemory(module, config);
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const seat = { module, memory, control, config };
  const workers = Array.from(
    { length: config.nThread - 1 },
    (_, i) => new Worker(THREAD_FILE, { workerData: { ...seat, index: i + 1 } }),
  );
  const { crew, program, kernels } = await joinCrew({ ...seat, index: 0 });
  return { config, memory, program, kernels, crew, workers };
}

export interface StepResult {
  /** Mean loss of a token, by weight, or of a pair. */
  readonly loss: number;
  /** Length of the slopes before clipping. */
  readonly norm: number;
}

export class Trainer<C extends ProgramConfig = ProgramConfig> {
  readonly program: Program<C>;
  readonly #crew: Crew;
  readonly #workers: readonly Worker[];
  readonly #optimizer: C['optimizer'];
  readonly #doubles: Float64Array;
  /** Views of the memory. */
  readonly floats: Float32Array;
  readonly words: Uint32Array;
  /** Updates so far. */
  nStep = 0;

  protected constructor({ config, memory, program, crew, workers }: StartedCrew<C>) {
    this.#optimizer = config.optimizer;
    this.program = program;
    this.#crew = crew;
    this.#workers = workers;
    this.floats = new Float32Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.#doubles = new Float64Array(memory.buffer);
  }

  get nWeight(): number {
    return this.program.plan.graph.weights.reduce((n, weight) => n + nValue(weight), 0);
  }

  /** Values of a tensor; a view. */
  read(tensor: Pick<Tensor, 'data' | 'nRow' | 'nCol'>): Float32Array {
    return this.floats.subarray(tensor.data / 4, tensor.data / 4 + nValue(tensor));
  }

  /** Its slopes; a view. */
  slopes(tensor: Tensor): Float32Array {
    const at = (tensor.grad ?? 0) / 4;
    return this.floats.subarray(at, at + nValue(tensor));
  }

  write(tensor: Pick<Tensor, 'data'>, values: Float32Array): void {
    this.floats.set(values, tensor.data / 4);
  }

  /** The running means of a weight; views. */
  moments(weight: Tensor): { readonly mean: Float32Array; readonly square: Float32Array } {
    const found = this.program.update.moments.get(weight)!;
    const view = (at: number): Float32Array =>
      this.floats.subarray(at / 4, at / 4 + nValue(weight));
    return { mean: view(found.mean), square: view(found.square) };
  }

  run(command: Command): void {
    this.#crew.run(command);
  }

  /**
   * Moves all weights along their slopes.
   * @param weight what the slopes are divided by
   * @returns the length of the slopes before clipping
   * @throws {EngineError} E_USAGE when it is not a number: the weights are then as before
   */
  update(rate: number, weight: number): number {
    this.nStep++;
    const { beta1, beta2 } = this.#optimizer;
    const at = this.program.scalars / 8;
    this.#doubles[at + RATE] = rate;
    this.#doubles[at + MEAN_SCALE] = 1 / (1 - beta1 ** this.nStep);
    this.#doubles[at + SQUARE_SCALE] = 1 / (1 - beta2 ** this.nStep);
    this.#doubles[at + LOSS_SCALE] = 1 / weight;
    this.run('update');
    const norm = this.#doubles[at + NORM]!;
    if (Number.isFinite(norm)) return norm;
    this.nStep--;
    throw new EngineError(
      'E_USAGE',
      `training: the slopes of step ${this.nStep + 1} are not numbers. Lower the rate, or look at the rows of this step.`,
      { details: { step: this.nStep + 1 } },
    );
  }

  /**
   * An update by what pairs lose that are compared with each other.
   * @param loss the sum of all of them, whose slopes are in memory
   * @throws {EngineError} E_USAGE when the loss is not a number: the weights are then as before
   */
  updateByPairs(loss: number, nPair: number, rate: number): StepResult {
    if (!Number.isFinite(loss))
      throw new EngineError(
        'E_USAGE',
        `training: the loss of step ${this.nStep + 1} is not a number. Lower the rate, or raise the temperature.`,
        { details: { step: this.nStep + 1 } },
      );
    return { norm: this.update(rate, nPair), loss: loss / nPair };
  }

  async close(): Promise<void> {
    this.#crew.stop();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** The memory of a program, whose size only a program says. */
async function planMemory(
  module: WebAssembly.Module,
  config: ProgramConfig,
): Promise<WebAssembly.Memory> {
  const kernels = await instantiateTraining(module, sharedMemory(1));
  const noViews = { words: new Int32Array(), doubles: new Float64Array() };
  const { nByte } = buildProgram(config, kernels, () => noViews);
  return sharedMemory(Math.ceil(nByte / WASM_PAGE_BYTES));
}

/** @throws {EngineError} E_MEMORY_BUDGET when the machine has no such memory */
export function sharedMemory(nPage: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: nPage, maximum: nPage, shared: true });
  } catch (cause) {
    const nByte = nPage * WASM_PAGE_BYTES;
    throw new EngineError(
      'E_MEMORY_BUDGET',
      `training: this machine gives no ${Math.ceil(nByte / 1e6)} MB of memory. Take fewer rows or shorter ones at a time, or a smaller model.`,
      { details: { nByte }, cause },
    );
  }
}
