/**
 * onnxruntime-web with one WebAssembly memory of its own: graphs go in as bytes, tensors as typed
 * arrays. Runs in workerd and in Node; knows neither R2 nor tasks. The memory is capped, since
 * onnxruntime's never shrinks and a graph may ask for more than an isolate has.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { EngineError } from '../../engine/base/errors.ts';
import type { OnnxGraphRow } from '../../engine/manifest/onnx.ts';
import type { FueledExports } from '../platform/fuel.ts';
import type { OnnxTensors, OnnxTensorData, TensorArray } from './tensors.ts';

type Ort = typeof import('onnxruntime-web/wasm');
export type CreateOrt = (webAssembly: typeof WebAssembly) => Ort;

const PAGE_BYTES = 65_536;
/**
 * Loop iterations and function calls that a load or a run may take: a loop in a graph may be told by its inputs how
 * often to run. A sentence of a voice takes 50 million, in 0.2 s; this many take half a minute.
 */
export const MAX_STEPS = 5_000_000_000;

export interface GraphFiles {
  readonly graph: Uint8Array;
  readonly weights: readonly { readonly path: string; readonly data: Uint8Array }[];
}

export interface LoadedGraph {
  /** @throws {EngineError} E_REQUEST_INVALID or E_MEMORY_BUDGET with onnxruntime's message. */
  run(feeds: OnnxTensors): Promise<OnnxTensors>;
  release(): Promise<void>;
}

export class OrtRuntime {
  readonly #ort: Ort;
  #memory: WebAssembly.Memory | null = null;
  /** Steps that are left; null before the module runs. */
  #fuel: WebAssembly.Global | null = null;
  #isBroken = false;
  readonly #maxSteps: number;
  readonly #maxBytes: number;
  /** The latest call: onnxruntime keeps its own stack across waits, so calls must not overlap. */
  #lastCall: Promise<unknown> = Promise.resolve();

  /**
   * @param module with a counter of steps (scripts/build/fuel.ts)
   * @param maxBytes limit of WebAssembly memory; at least the 16 MiB it begins with
   * @param maxSteps that a load or a run may take
   */
  constructor(
    createOrt: CreateOrt,
    module: WebAssembly.Module,
    maxBytes: number,
    maxSteps = MAX_STEPS,
  ) {
    this.#maxBytes = maxBytes;
    this.#maxSteps = maxSteps;
    this.#ort = createOrt(this.#webAssemblyFor(module));
    const { env } = this.#ort;
    env.logLevel = 'error';
    env.wasm.numThreads = 1;
    // Any bytes will do: the module is already compiled.
    env.wasm.wasmBinary = new Uint8Array(1).buffer;
  }

  /** Bytes of WebAssembly memory; it only grows. */
  get memoryBytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Whether the module trapped: it must not be used again. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Steps that the last call left over. */
  get stepsLeft(): number {
    return Number((this.#fuel?.value as bigint | undefined) ?? 0n);
  }

  /** @throws {EngineError} E_FORMAT_INVALID for a graph onnxruntime refuses, E_MEMORY_BUDGET. */
  async load(
    name: string,
    { graph, weights }: GraphFiles,
    optimization: OnnxGraphRow['optimization'],
  ): Promise<LoadedGraph> {
    let session: InferenceSession;
    try {
      session = await this.#inTurn(() =>
        this.#ort.InferenceSession.create(graph, {
          graphOptimizationLevel: optimization,
          enableCpuMemArena: false,
          enableMemPattern: false,
          externalData: [...weights],
          logSeverityLevel: 4,
          // Prepacking would keep a second copy of the weights.
          extra: { session: { disable_prepacking: '1' } },
        }),
      );
    } catch (error) {
      throw this.#loadError(name, error);
    }
    return {
      run: (feeds) => this.#run(name, session, feeds),
      release: async () => {
        // A module that trapped is forgotten as a whole.
        if (!this.#isBroken) await this.#inTurn(() => session.release());
      },
    };
  }

  async #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#lastCall.then(() => this.#call(call));
    this.#lastCall = turn.catch(() => undefined);
    return await turn;
  }

  /** @throws {EngineError} E_BUSY when an earlier call broke the module; what the call throws. */
  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isBroken)
      throw new EngineError(
        'E_BUSY',
        'onnxruntime: starts again after a run without an end. Try again.',
        {
          details: { retryAfterS: 1 },
        },
      );
    if (this.#fuel !== null) this.#fuel.value = BigInt(this.#maxSteps);
    try {
      return await call();
    } catch (error) {
      this.#isBroken ||= this.#isOutOfSteps;
      throw error;
    }
  }

  get #isOutOfSteps(): boolean {
    return this.#fuel !== null && this.stepsLeft < 0;
  }

  async #run(name: string, session: InferenceSession, feeds: OnnxTensors): Promise<OnnxTensors> {
    const inputs: Record<string, Tensor> = {};
    for (const [key, { dtype, dims, data }] of Object.entries(feeds))
      inputs[key] = new this.#ort.Tensor(dtype, data as Float32Array, dims);
    try {
      const outputs = await this.#inTurn(() => session.run(inputs));
      return Object.fromEntries(
        Object.entries(outputs).map(([key, tensor]) => [key, tensorData(tensor)]),
      );
    } catch (error) {
      throw this.#runError(name, error);
    }
  }

  #loadError(name: string, cause: unknown): EngineError {
    if (cause instanceof EngineError) return cause;
    if (this.#isOutOfSteps) return this.#outOfSteps(name, 'to load', cause);
    const text = messageOf(cause);
    if (isOutOfMemory(text)) return this.#outOfMemory(name, 'to load', cause);
    return new EngineError(
      'E_FORMAT_INVALID',
      `${name}: onnxruntime refuses the graph: ${text}. Export the model again, and check it with onnx.checker.`,
      { details: { reason: text }, cause },
    );
  }

  #runError(name: string, cause: unknown): EngineError {
    if (cause instanceof EngineError) return cause;
    if (this.#isOutOfSteps) return this.#outOfSteps(name, 'to run', cause);
    const text = messageOf(cause);
    if (isOutOfMemory(text)) return this.#outOfMemory(name, 'to run', cause);
    return new EngineError(
      'E_REQUEST_INVALID',
      `${name}: onnxruntime cannot run the graph on these tensors: ${text}. Change their shapes or values.`,
      { param: 'inputs', details: { reason: text }, cause },
    );
  }

  #outOfSteps(name: string, what: string, cause: unknown): EngineError {
    return new EngineError(
      'E_REQUEST_INVALID',
      `${name}: takes more than ${this.#maxSteps} steps ${what}. Use smaller inputs or a smaller model.`,
      { param: 'inputs', details: { maxSteps: this.#maxSteps }, cause },
    );
  }

  #outOfMemory(name: string, what: string, cause: unknown): EngineError {
    return new EngineError(
      'E_MEMORY_BUDGET',
      `${name}: needs more than ${this.#maxBytes} bytes of WebAssembly memory ${what}. Use smaller inputs or a smaller model.`,
      { details: { maxBytes: this.#maxBytes, memoryBytes: this.memoryBytes }, cause },
    );
  }

  /** `WebAssembly` as this runtime sees it: one module, one memory of bounded size. */
  #webAssemblyFor(module: WebAssembly.Module): typeof WebAssembly {
    const maximum = Math.floor(this.#maxBytes / PAGE_BYTES);
    const makeMemory = (descriptor: WebAssembly.MemoryDescriptor): WebAssembly.Memory => {
      // A memory of no pages is how the loader finds SharedArrayBuffer.
      if ((descriptor.maximum ?? 0) === 0) return new WebAssembly.Memory(descriptor);
      return (this.#memory = new WebAssembly.Memory({ ...descriptor, maximum }));
    };
    const instantiate = async (_bytes: unknown, imports: WebAssembly.Imports) => {
      const instance = await WebAssembly.instantiate(module, imports);
      this.#fuel = (instance.exports as unknown as FueledExports).fuel;
      this.#fuel.value = BigInt(this.#maxSteps);
      return { module, instance };
    };
    return Object.create(WebAssembly, {
      Memory: {
        // `new` on a function that returns an object gives that object.
        value: function Memory(descriptor: WebAssembly.MemoryDescriptor) {
          return makeMemory(descriptor);
        },
      },
      instantiate: { value: instantiate },
    }) as typeof WebAssembly;
  }
}

function tensorData(tensor: Tensor): OnnxTensorData {
  return {
    dtype: tensor.type as OnnxTensorData['dtype'],
    dims: [...tensor.dims],
    data: tensor.data as TensorArray,
  };
}

/** onnxruntime's message, on one line and cut to a bounded length. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 500);
}

function isOutOfMemory(text: string): boolean {
  return /bad_alloc|failed to allocate|out of memory|OOM|Aborted\(|unreachable|memory access/i.test(
    text,
  );
}
