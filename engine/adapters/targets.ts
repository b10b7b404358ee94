/** Which weights of a base an adapter can change, by the names of files, and the order of their rows there. */
import { archByName, archTensors } from '../archs/index.ts';
import type { TensorInstance } from '../archs/index.ts';
import type { ModelConfig } from '../manifest/manifest.ts';
import { ADAPTABLE } from '../model/decoder/adapters.ts';
import type { AdapterBase } from './adapter.ts';

export type AdapterNaming = 'gguf' | 'hf';

/** Our weight among the rows of a file's matrix. */
export interface AdapterTarget {
  readonly name: string;
  /** [nRow, nCol] */
  readonly shape: readonly [number, number];
  /** Ours are nRow rows from `from` of the file's `of`. */
  readonly from: number;
  readonly of: number;
  /** For each of our rows, which of the part's rows in the file it is; null for the same order. */
  readonly rows: Uint32Array | null;
}

/** The targets of each matrix by its name in files, without `.weight`: a matrix may hold several of ours. */
export type TargetTable = ReadonlyMap<string, readonly AdapterTarget[]>;

/** @throws {EngineError} E_ARCH_UNKNOWN */
export function targetTable(
  { architecture, config }: AdapterBase,
  naming: AdapterNaming,
): TargetTable {
  const arch = archByName(architecture);
  const filePairing = naming === 'hf' ? 'half' : arch.ggufPairing;
  const table = new Map<string, AdapterTarget[]>();
  for (const instance of archTensors(arch, config)) {
    const place = instance.places[naming];
    if (!ADAPTABLE.test(instance.name) || place === undefined || place.nStacked > 0) continue;
    const { from, of } = place;
    const rows = rowOrder(instance, config, filePairing);
    const target = { name: instance.name, shape: instance.shape, from, of, rows };
    const key = place.name.replace(/\.weight$/, '');
    table.set(key, [...(table.get(key) ?? []), target]);
  }
  return table;
}

/**
 * Rows of queries and keys that rotate together follow each other ('adjacent') or are half a head apart ('half').
 * llama.cpp's converter moves the rows of a model and of `lora_b` in the same way.
 */
function rowOrder(
  { spec: { ropeRows }, shape: [nRow] }: TensorInstance,
  config: ModelConfig,
  filePairing: ModelConfig['ropePairing'],
): Uint32Array | null {
  return ropeRows === undefined
    ? null
    : turnedOrder(nRow, nRow / config[ropeRows], filePairing, config.ropePairing);
}

/** For each of `nRow` rows of heads in one order of pairs, which row it is in the other; null where both are the same. */
export function turnedOrder(
  nRow: number,
  headDim: number,
  filePairing: ModelConfig['ropePairing'],
  ropePairing: ModelConfig['ropePairing'],
): Uint32Array | null {
  if (filePairing === ropePairing) return null;
  const half = headDim / 2;
  return Uint32Array.from({ length: nRow }, (_, row) => {
    const head = row - (row % headDim);
    const at = row % headDim;
    return ropePairing === 'adjacent'
      ? head + (at % 2) * half + Math.floor(at / 2)
      : head + (at % half) * 2 + Math.floor(at / half);
  });
}

/** Rows of a target from a file's `lora_b`, [of, rank]. */
export function takeRows(b: Float32Array, target: AdapterTarget, rank: number): Float32Array {
  const { shape, from, rows } = target;
  const [nRow] = shape;
  const part = b.subarray(from * rank, (from + nRow) * rank);
  if (rows === null) return part.slice();
  const out = new Float32Array(nRow * rank);
  for (const [row, source] of rows.entries())
    out.set(part.subarray(source * rank, (source + 1) * rank), row * rank);
  return out;
}

/** Puts rows of a target where a file's `lora_b` has them: the inverse of `takeRows`. */
export function putRows(
  b: Float32Array,
  target: AdapterTarget,
  rank: number,
  into: Float32Array,
): void {
  const { from, rows } = target;
  const nRow = target.shape[0];
  for (let row = 0; row < nRow; row++) {
    const to = from + (rows === null ? row : rows[row]!);
    into.set(b.subarray(row * rank, (row + 1) * rank), to * rank);
  }
}
