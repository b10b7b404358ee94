/**
 * Files that hold the head beside the embedding although a model ties them: quantizers store the one
 * matrix twice, in two types. Whether it is one matrix is decided from values, since no field says so.
 *
 * The rule: in every row of a sample drawn with a fixed seed, the squared difference is at most
 * `MAX_ERROR_RATIO` times what rounding both to their types is expected to leave. That is a twelfth of
 * the squared step for each of the two, the step taken from the largest value of a block of 32; and never
 * more than a sixteenth of the rows' own squares, since steps of two bits are as large as the values.
 * The largest ratio measured where it is one matrix is 1.0 (Q5_0 and Q8_0; Q4_K and Q6_K: 0.7).
 */
import { archByName, archTensors } from '../../../engine/archs/index.ts';
import type { TensorInstance } from '../../../engine/archs/index.ts';
import { BLOCK_COLS } from '../../../engine/base/dtypes.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { SOURCE_DTYPES, sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import type { MatchedTensor, OpenedModel } from '../open/opened-model.ts';
import { LOSSLESS, presetDtype } from './presets.ts';
import type { PresetName } from './presets.ts';

/** Rows that are compared; all of a smaller table. */
const SAMPLE_ROWS = 256;
const SEED = 0x7fed;
/** Scales of K-quants are rounded as well, and searched scales leave less than a twelfth. */
const MAX_ERROR_RATIO = 4;
/** Rows that have nothing in common differ by the sum of their squares, four times what is allowed. */
const POWER_SHARE = 16;

/** Below that, a table loses more than rounding the finer one again does. */
const LEAST_TABLE_BITS = 5;

/** Bits of a float's significand; types of blocks have `bits` of their own. */
const FLOAT_BITS: Partial<Record<SourceDtype, number>> = { F32: 24, F16: 11, BF16: 8 };

/** The head and the embedding of a file that has both in the same shape. */
export interface TableFinding {
  /** Whether they are one matrix, rounded twice. */
  readonly isSame: boolean;
  /** The largest squared difference of a row, over the one that rounding is expected to leave. */
  readonly errorRatio: number;
  readonly embedding: SourceDtype;
  readonly head: SourceDtype;
}

interface Tables {
  readonly embedding: MatchedTensor;
  readonly head: MatchedTensor;
}

/** Compares head and embedding; null when the file does not hold both in one shape. */
export async function compareTables(
  model: Pick<OpenedModel, 'format' | 'fields'>,
  matched: readonly MatchedTensor[],
): Promise<TableFinding | null> {
  const tables = model.format === 'gguf' && model.fields.kind === 'decoder' ? find(matched) : null;
  if (tables === null) return null;
  const { embedding, head } = tables;
  const [nRow, nCol] = embedding.instance.shape;
  let errorRatio = 0;
  for (const row of sampleRows(nRow)) {
    const a = await readRow(embedding.tensor, row, nCol);
    const b = await readRow(head.tensor, row, nCol);
    const rounding = roundingError(embedding.tensor.dtype, a) + roundingError(head.tensor.dtype, b);
    const expected = Math.min(rounding, (power(a) + power(b)) / POWER_SHARE);
    errorRatio = Math.max(errorRatio, ratio(squaredDistance(a, b), expected));
  }
  return {
    isSame: errorRatio <= MAX_ERROR_RATIO,
    errorRatio,
    embedding: embedding.tensor.dtype,
    head: head.tensor.dtype,
  };
}

/**
 * The model with one of the two as its embedding, and a head tied to it.
 *
 * The more precise one, unless `preset` would round it again while it keeps the other as it is: rounding to
 * six bits gains little over five bits that were rounded once (Qwen2.5-Coder 0.5B: 0.1 % of perplexity), and
 * is a fifth larger.
 */
export function holdOnce(
  model: OpenedModel,
  matched: readonly MatchedTensor[],
  preset: PresetName,
): { model: OpenedModel; matched: MatchedTensor[]; held: SourceDtype } {
  const { fields } = model;
  const tables = find(matched);
  if (fields.kind !== 'decoder' || tables === null)
    throw new RangeError('holdOnce: a model without a head beside its embedding');
  const config = { ...fields.config, tiedHead: true };
  const { embedding, head } = tables;
  const isHeadFiner = bitsOf(head.tensor.dtype) > bitsOf(embedding.tensor.dtype);
  const [fine, coarse] = isHeadFiner
    ? [head.tensor, embedding.tensor]
    : [embedding.tensor, head.tensor];
  const isCoarseKept = isKept(preset, coarse.dtype) && bitsOf(coarse.dtype) >= LEAST_TABLE_BITS;
  const tensor = isCoarseKept && !isKept(preset, fine.dtype) ? coarse : fine;
  return {
    model: {
      ...model,
      fields: { ...fields, config },
      instances: archTensors(archByName(model.architecture), config),
    },
    matched: matched
      .filter((match) => match !== head)
      .map((match) => (match === embedding ? { ...match, tensor } : match)),
    held: tensor.dtype,
  };
}

/** Whether a table of this type keeps its values. */
function isKept(preset: PresetName, source: SourceDtype): boolean {
  const input = { role: 'embedding', manyRows: false, source, isTinyF32: false } as const;
  return presetDtype(preset, input) === LOSSLESS[source];
}

function find(matched: readonly MatchedTensor[]): Tables | null {
  const ofRole = (role: TensorInstance['spec']['role']) =>
    matched.find(({ instance }) => instance.spec.role === role);
  const embedding = ofRole('embedding');
  const head = ofRole('head');
  if (embedding === undefined || head === undefined) return null;
  return String(embedding.instance.shape) === String(head.instance.shape)
    ? { embedding, head }
    : null;
}

/** Distinct rows in ascending order, the same for every run. */
function sampleRows(nRow: number): number[] {
  if (nRow <= SAMPLE_ROWS) return Array.from({ length: nRow }, (_, row) => row);
  const rows = new Set<number>();
  // A linear congruential generator (Numerical Recipes): its upper bits are even enough for a sample.
  for (let state = SEED; rows.size < SAMPLE_ROWS;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    rows.add(Math.floor((state / 2 ** 32) * nRow));
  }
  return [...rows].sort((a, b) => a - b);
}

async function readRow(tensor: SourceTensor, row: number, nCol: number): Promise<Float32Array> {
  const rowBytes = sourceBytes(tensor.dtype, nCol);
  const at = tensor.offset + row * rowBytes;
  return dequantize(tensor.dtype, await readRange(tensor.source, at, rowBytes, tensor.name));
}

/** The sum of squares that rounding a row to this type is expected to leave. */
function roundingError(dtype: SourceDtype, values: Float32Array): number {
  let error = 0;
  for (let at = 0; at < values.length; at += BLOCK_COLS) {
    const block = values.subarray(at, at + BLOCK_COLS);
    const peak = block.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const step = (2 * peak) / (2 ** bitsOf(dtype) - 1);
    error += (block.length * step ** 2) / 12;
  }
  return error;
}

function bitsOf(dtype: SourceDtype): number {
  return FLOAT_BITS[dtype] ?? SOURCE_DTYPES[dtype].bits;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);
}

function power(values: Float32Array): number {
  return values.reduce((sum, x) => sum + x * x, 0);
}

function ratio(distance: number, expected: number): number {
  return distance === 0 ? 0 : distance / expected;
}
