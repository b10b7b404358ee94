/**
 * The plain llama as a decoder for generation: no WebAssembly, no addresses, limits of its own. One
 * row at a time over key/value pages of plain arrays.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { keyOf } from '../../engine/model/decoder/contract.ts';
import type {
  BatchPart,
  DecoderBackend,
  DecoderLimits,
  PositionInput,
  VisitLogits,
} from '../../engine/model/decoder/contract.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { LayerCache, Llama2cReference } from './llama2c-reference.ts';

/** Keys and values of one position, one of each a layer. */
interface Cell {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

const LIMITS: DecoderLimits = { nCtx: 512, nPage: 16, maxRows: 9, maxSequences: 4 };

export class ReferenceDecoder implements DecoderBackend {
  readonly config: ModelConfig;
  readonly limits = LIMITS;
  readonly #model: Llama2cReference;
  readonly #pages: Cell[][] = Array.from({ length: LIMITS.nPage }, () => []);
  #row: Float32Array = new Float32Array();

  constructor(model: Llama2cReference) {
    this.#model = model;
    this.config = model.config;
  }

  forward(parts: readonly BatchPart[], visit?: VisitLogits): void {
    this.#check(parts);
    const starts = parts.map(({ sequence }) => sequence.items.length);
    const rows = parts.map((part, i) =>
      part.inputs.map((input, index) => this.#step(part, starts[i]! + index, input)),
    );
    for (const { sequence, inputs } of parts) sequence.items.push(...inputs.map(keyOf));
    for (const [i, { logitsFrom }] of parts.entries())
      for (let index = logitsFrom; index < rows[i]!.length; index++) {
        this.#row = rows[i]![index]!;
        visit?.(i, index, 0);
      }
  }

  logits(): Float32Array {
    return this.#row;
  }

  argmax(): number {
    return this.#row.indexOf(Math.max(...this.#row));
  }

  sumExp(_row: number, top: number): number {
    return this.#row.reduce((sum, x) => sum + Math.exp(x - top), 0);
  }

  copyPage(from: number, to: number): void {
    this.#pages[to] = [...this.#pages[from]!];
  }

  #step({ sequence }: BatchPart, position: number, input: PositionInput): Float32Array {
    const x = typeof input === 'number' ? this.#model.embed(input) : input.values.slice();
    const cache = this.#read(sequence.pages, position);
    const logits = this.#model.step(x, cache);
    const page = this.#pages[sequence.pages[Math.floor(position / PAGE_TOKENS)]!]!;
    page[position % PAGE_TOKENS] = {
      keys: cache.map(({ keys }) => keys.at(-1)),
      values: cache.map(({ values }) => values.at(-1)),
    };
    return logits;
  }

  /** The first `length` positions. */
  #read(pages: readonly number[], length: number): LayerCache[] {
    const cache = this.#model.emptyCache();
    for (let position = 0; position < length; position++) {
      const page = this.#pages[pages[Math.floor(position / PAGE_TOKENS)]!]!;
      const cell = page[position % PAGE_TOKENS]!;
      for (const [i, { keys, values }] of cache.entries()) {
        keys.push(cell.keys[i]!);
        values.push(cell.values[i]!);
      }
    }
    return cache;
  }

  #check(parts: readonly BatchPart[]): void {
    const refuse = (what: string) => new EngineError('E_INTERNAL', `reference: ${what}`);
    const inputs = parts.flatMap((part) => part.inputs);
    if (inputs.length === 0 || inputs.length > LIMITS.maxRows)
      throw refuse(`${inputs.length} rows of ${LIMITS.maxRows}`);
    const { nVocab, nEmbd } = this.config;
    for (const input of inputs)
      if (typeof input !== 'number') {
        if (input.values.length !== nEmbd) throw refuse(`a row of ${input.values.length} values`);
      } else if (!Number.isInteger(input) || input < 0 || input >= nVocab)
        throw new EngineError('E_REQUEST_INVALID', `tokens: id ${input} of ${nVocab}`);
    for (const { sequence, inputs: own, slot, adapter } of parts) {
      if (sequence.pagesMissing(sequence.items.length + own.length) > 0) throw refuse('no pages');
      if (!(slot >= 0 && slot < LIMITS.maxSequences)) throw refuse(`slot ${slot}`);
      if (adapter !== null) throw refuse(`no adapter ${adapter.id}`);
    }
  }
}
