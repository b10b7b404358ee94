/**
 * onnxruntime-web with one WebAssembly memory of its own: graphs go in as bytes, tensors as typed
 * arrays. Runs in workerd and in Node; knows neither R2 nor tasks. The memory is capped, since
 * onnxruntime's never shrinks and a graph may ask for more than an isolate has.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { EngineError } from '../../engine/base/errors.ts';
import type { OnnxGraphRow } from '../../engine/manifest/onnx.ts';
import type { OnnxTensors, OnnxTensorData, TensorArray } from './tensors.ts';

type Ort = typeof import('onnxruntime-web/wasm');
export type CreateOrt = (webAssembly: typeof WebAssembly) => Ort;

const PAGE_BYTES = 65_536;

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
  readonly #maxBytes: number;
  /** The latest call: onnxruntime keeps its own stack across waits, so calls must not overlap. */
  #lastCall: Promise<unknown> = Promise.resolve();

  /** @param maxBytes limit of WebAssembly memory; at least the 16 MiB it begins with */
  constructor(createOrt: CreateOrt, module: WebAssembly.Module, maxBytes: number) {
    this.#maxBytes = maxBytes;
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
      release: () => this.#inTurn(() => session.release()),
    };
  }

  async #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#lastCall.then(call);
    this.#lastCall = turn.catch(() => undefined);
    return await turn;
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
    const text = messageOf(cause);
    if (isOutOfMemory(text)) return this.#outOfMemory(name, 'to load', cause);
    return new EngineError(
      'E_FORMAT_INVALID',
      `${name}: onnxruntime refuses the graph: ${text}. Export the model again, and check it with onnx.checker.`,
      { details: { reason: text }, cause },
    );
  }

  #runError(name: string, cause: unknown): EngineError {
    const text = messageOf(cause);
    if (isOutOfMemory(text)) return this.#outOfMemory(name, 'to run', cause);
    return new EngineError(
      'E_REQUEST_INVALID',
      `${name}: onnxruntime cannot run the graph on these tensors: ${text}. Change their shapes or values.`,
      { param: 'inputs', details: { reason: text }, cause },
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
    const instantiate = async (_bytes: unknown, imports: WebAssembly.Imports) => ({
      module,
      instance: await WebAssembly.instantiate(module, imports),
    });
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
