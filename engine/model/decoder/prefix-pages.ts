/**
 * Trained prefixes in the kernels' memory, as the cache has them: pages of keys and values in its own type, which the pass
 * that begins a text copies into the text's own.
 */
import { roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import { PAGE_TOKENS, pagesFor } from '../../cache/geometry.ts';
import type { KvGeometry } from '../../cache/geometry.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { ModelConfig } from '../../manifest/manifest.ts';
import { f16ToF32 } from '../../quant/half.ts';
import type { PrefixTensors } from './contract.ts';
import { layerOffset } from './plan.ts';
import type { MemoryPlan } from './plan.ts';

/** As pages have it. */
const ALIGN_BYTES = 64;

/** Bytes that a prefix takes, in a piece of `nLayer` layers. */
export function prefixBytes(
  { layerBytes }: Pick<KvGeometry, 'layerBytes'>,
  nLayer: number,
  nPosition: number,
): number {
  return roundUp(nLayer * pagesFor(nPosition) * layerBytes, ALIGN_BYTES);
}

export class PrefixPages {
  readonly #config: ModelConfig;
  readonly #plan: MemoryPlan;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;

  constructor(
    config: ModelConfig,
    plan: MemoryPlan,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.#config = config;
    this.#plan = plan;
    this.#kernels = kernels;
    this.#memory = memory;
  }

  get #layers(): readonly [from: number, to: number] {
    return this.#plan.piece.layers;
  }

  bytes({ nPosition }: PrefixTensors): number {
    const [from, to] = this.#layers;
    return prefixBytes(this.#plan.kv, to - from, nPosition);
  }

  /** @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE for a prefix that is not of this model */
  check(id: string, { nPosition, layers }: PrefixTensors): void {
    const { nKvHead, headDim } = this.#config;
    const [from, to] = this.#layers;
    const expected = nPosition * nKvHead * headDim;
    for (let layer = from; layer < to; layer++) {
      const found = layers.get(layer);
      if (found === undefined)
        throw new EngineError(
          'E_TENSOR_MISSING',
          `adapter ${id}: layer ${layer} of its prefix is missing. Use one made for this model.`,
          { details: { id, layer } },
        );
      if (found.keys.length !== expected || found.values.length !== expected)
        throw new EngineError(
          'E_TENSOR_SHAPE',
          `adapter ${id}: layer ${layer}: expected [${nPosition}, ${nKvHead * headDim}] keys and values, ` +
            `got ${found.keys.length} and ${found.values.length}. Use a prefix made for this model.`,
          { details: { id, layer, expected } },
        );
    }
  }

  /** Writes a prefix that was checked to its place, layer by layer, page by page. */
  write(address: number, { nPosition, layers }: PrefixTensors): void {
    const { nKvHead, headDim } = this.#config;
    const { kv, regions } = this.#plan;
    const { kvWriteQ8, kvWriteF16 } = this.#kernels;
    const write = kv.dtype === 'q8' ? kvWriteQ8 : kvWriteF16;
    const width = nKvHead * headDim;
    const [from, to] = this.#layers;
    // Rows of a pass, which has none now.
    const [keys, values] = [regions.keys.address, regions.values.address];
    new Uint8Array(this.#memory.buffer, address, this.bytes({ nPosition, layers })).fill(0);
    for (let layer = from; layer < to; layer++) {
      const halves = layers.get(layer)!;
      for (let position = 0; position < nPosition; position++) {
        this.#unpack(halves.keys, position * width, width, keys);
        this.#unpack(halves.values, position * width, width, values);
        const page = this.#pageAt(address, nPosition, layer, Math.floor(position / PAGE_TOKENS));
        write(
          ...([keys, values, page, position % PAGE_TOKENS, nKvHead, headDim] as const),
          ...([kv.dimPad, kv.sectionBytes] as const),
        );
      }
    }
  }

  /**
   * Copies a layer of a prefix to the pages that a text begins with.
   * @param pages addresses of the first layer's parts of the pages, in order
   */
  copy(address: number, nPosition: number, layer: number, pages: readonly number[]): void {
    const memory = new Uint8Array(this.#memory.buffer);
    const offset = layerOffset(this.#plan, layer);
    for (let i = 0; i < pagesFor(nPosition); i++) {
      const from = this.#pageAt(address, nPosition, layer, i);
      memory.copyWithin(pages[i]! + offset, from, from + this.#plan.kv.layerBytes);
    }
  }

  #pageAt(address: number, nPosition: number, layer: number, page: number): number {
    const index = (layer - this.#layers[0]) * pagesFor(nPosition) + page;
    return address + index * this.#plan.kv.layerBytes;
  }

  #unpack(halves: Uint16Array, at: number, n: number, to: number): void {
    const out = new Float32Array(this.#memory.buffer, to, n);
    for (let i = 0; i < n; i++) out[i] = f16ToF32(halves[at + i]!);
  }
}
