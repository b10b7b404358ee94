/** Pairs of matrices from a file's tensors, checked against the base before a value is read. Hostile until then. */
import { EngineError } from '../base/errors.ts';
import { readRange } from '../formats/byte-source.ts';
import type { SourceTensor } from '../formats/source-tensor.ts';
import { dequantize } from '../quant/dequantize.ts';
import { checkRank, otherBase } from './adapter.ts';
import type { ReadPair } from './adapter.ts';
import { takeRows } from './targets.ts';
import type { AdapterTarget, TargetTable } from './targets.ts';

/** A file's two matrices of one weight. */
export interface TensorPair {
  readonly a: SourceTensor;
  readonly b: SourceTensor;
}

/** Factor of a pair by the name of its weight in the file. */
export type ScaleOf = (module: string, rank: number) => number;

/**
 * @param pairs by the names of weights in the file
 * @throws {EngineError} E_ADAPTER_BASE for weights or sizes that the base does not have, E_ADAPTER_UNSUPPORTED,
 *   E_TENSOR_SHAPE for matrices that do not fit each other, E_FORMAT_INVALID for values that are no numbers
 */
export async function readPairs(
  where: string,
  pairs: ReadonlyMap<string, TensorPair>,
  table: TargetTable,
  scaleOf: ScaleOf,
): Promise<ReadonlyMap<string, ReadPair>> {
  const checked = [...pairs].map(([module, pair]) => {
    const targets = table.get(module);
    if (targets === undefined)
      throw otherBase(
        where,
        `weight ${shown(module)} is not one that can be adapted`,
        'projections of the layers of the base, such as ' +
          [...table.keys()].slice(0, 2).join(', '),
      );
    return { module, pair, targets, rank: checkShapes(where, module, pair, targets) };
  });
  const out = new Map<string, ReadPair>();
  for (const { module, pair, targets, rank } of checked) {
    const scale = scaleOf(module, rank);
    const a = await readValues(pair.a);
    const b = await readValues(pair.b);
    for (const target of targets)
      out.set(target.name, { a, b: takeRows(b, target, rank), rank, scale });
  }
  return out;
}

/** @returns the pair's rank */
function checkShapes(
  where: string,
  module: string,
  { a, b }: TensorPair,
  targets: readonly AdapterTarget[],
): number {
  const [rank = 0, nCol = 0] = a.dims;
  const [nRow = 0, rankB = 0] = b.dims;
  if (a.dims.length !== 2 || b.dims.length !== 2 || rank !== rankB)
    throw new EngineError(
      'E_TENSOR_SHAPE',
      `${where}: ${shown(module)}: expected [rank, columns] and [rows, rank] of one rank, ` +
        `got [${a.dims.join(', ')}] and [${b.dims.join(', ')}]. The file is damaged: fetch it again.`,
      { details: { module: shown(module), a: a.dims, b: b.dims } },
    );
  checkRank(`${where}: ${shown(module)}`, rank);
  const [{ of, shape }] = targets as readonly [AdapterTarget];
  if (nCol !== shape[1] || nRow !== of)
    throw otherBase(
      where,
      `${shown(module)} is for a weight of [${nRow}, ${nCol}]`,
      `[${of}, ${shape[1]}], as the base has it`,
    );
  return rank;
}

/** Values of a tensor of any type as f32. @throws {EngineError} E_FORMAT_INVALID for those that are no numbers */
export async function readValues({ name, dtype, source, offset, bytes }: SourceTensor) {
  const values = dequantize(dtype, await readRange(source, offset, bytes, `tensor ${shown(name)}`));
  if (values.every((x) => Number.isFinite(x))) return values;
  throw new EngineError(
    'E_FORMAT_INVALID',
    `${source.name}: tensor ${shown(name)} has values that are infinite or not numbers. ` +
      'The adapter cannot be used: train it again.',
    { details: { tensor: shown(name) } },
  );
}

/** A name from the file, fit for a message. */
export function shown(name: string): string {
  return name.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
