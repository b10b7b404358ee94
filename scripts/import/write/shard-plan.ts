/**
 * Which tensor goes where: types by preset, shards cut on layer borders, offsets inside them.
 * Pure and deterministic, so that an import that was cut off finds its own plan again.
 */
import { matrixBytes, PANEL_ROWS, roundUp } from '../../../engine/base/dtypes.ts';
import type { TensorRole } from '../../../engine/archs/types.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { SHARD_MAX_BYTES } from '../../../engine/manifest/manifest.ts';
import type { MatchedTensor } from '../open/opened-model.ts';
import { presetDtype, TINY_F32_BYTES } from '../precision/presets.ts';
import type { PresetName } from '../precision/presets.ts';

/** A shard grows by whole layers while it stays below this. */
export const SHARD_TARGET_BYTES = 8 * 1024 * 1024;
/** Tables of the vocabulary larger than this are cut into slices of rows, so that several isolates can share them. */
export const SLICED_ABOVE_BYTES = SHARD_MAX_BYTES / 2;
/** Vector loads and cache lines begin here. */
export const TENSOR_ALIGN = 64;
/** Roles of matrices with one row a token of the vocabulary. */
const TABLE_ROLES: readonly TensorRole[] = ['embedding', 'head'];
/** Smaller tensors join a full shard rather than begin one of a few hundred bytes. */
const CRUMB_BYTES = 64 * 1024;

export interface RowRange {
  readonly firstRow: number;
  readonly nRow: number;
}
export interface PlannedTensor extends MatchedTensor {
  readonly dtype: WeightDtype;
  /** How much an error in each column matters, [nCol]; null: all the same. */
  readonly columnWeights: Float32Array | null;
  /** The rows of the tensor that are stored here; null for all of them. */
  readonly slice: RowRange | null;
  /** From the start of its shard. */
  readonly offset: number;
  readonly bytes: number;
}
export interface PlannedShard {
  readonly file: string;
  readonly bytes: number;
  readonly layers: readonly [number, number] | null;
  readonly tensors: readonly PlannedTensor[];
}

/** Choices for single tensors, by our names; the preset decides about the rest. */
export interface TensorChoices {
  /** What they depend on apart from the file; distinguishes imports that were cut off. */
  readonly key?: string;
  readonly dtypes?: ReadonlyMap<string, WeightDtype>;
  readonly columnWeights?: ReadonlyMap<string, Float32Array>;
}

/** How tables of the vocabulary are cut. */
export interface SliceSizes {
  /** Larger ones are cut. */
  readonly above: number;
  /** Bytes of a slice, at most; at least a panel of rows. */
  readonly target: number;
}
export const SLICES: SliceSizes = { above: SLICED_ABOVE_BYTES, target: SHARD_TARGET_BYTES };
/** For kinds of models that need their tables in one piece. */
export const NO_SLICES: SliceSizes = { above: Infinity, target: SHARD_TARGET_BYTES };

type SizedTensor = Omit<PlannedTensor, 'offset'>;
interface Group {
  readonly layers: readonly [number, number] | null;
  readonly tensors: SizedTensor[];
}

/** @throws {EngineError} E_MEMORY_BUDGET for a tensor that is too large for a shard. */
export function planShards(
  preset: PresetName,
  matched: readonly MatchedTensor[],
  choices: TensorChoices = {},
  slices: SliceSizes = SLICES,
): PlannedShard[] {
  const sourceBytes = matched.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  const isTinyF32 =
    sourceBytes < TINY_F32_BYTES && matched.every(({ tensor }) => tensor.dtype === 'F32');
  const sized = matched.map((match): SizedTensor => {
    const { instance, tensor } = match;
    const { role, manyRows = false } = instance.spec;
    const dtype =
      choices.dtypes?.get(instance.name) ??
      presetDtype(preset, { role, manyRows, source: tensor.dtype, isTinyF32 });
    const bytes = matrixBytes(dtype, instance.shape[0], instance.shape[1]);
    const columnWeights = choices.columnWeights?.get(instance.name) ?? null;
    return { ...match, dtype, bytes, columnWeights, slice: null };
  });
  const sliced = sliceTables(sized, slices);
  const rest = sized.filter(({ instance }) => !sliced.some((s) => s.instance === instance));
  for (const tensor of rest) if (tensor.bytes > SHARD_MAX_BYTES) throw tooLarge(tensor);
  const byLayer = Map.groupBy(rest, ({ instance }) => instance.layer);
  const groups = [
    ...sliced.map((slice): Group => ({ layers: null, tensors: [slice] })),
    ...[...byLayer].flatMap(([layer, tensors]) => cutGroup(layer, tensors)),
  ];
  return joinLayers(groups).map(placeGroup);
}

/**
 * The slices of the embedding and the head, if one of them is too large to stay whole: both are cut at
 * the same rows, so that whoever holds some rows of the vocabulary holds whole slices of both.
 */
function sliceTables(sized: readonly SizedTensor[], { above, target }: SliceSizes): SizedTensor[] {
  const tables = sized.filter(({ instance }) => TABLE_ROLES.includes(instance.spec.role));
  if (!tables.some(({ bytes }) => bytes > above)) return [];
  const nRow = Math.max(...tables.map(({ instance }) => instance.shape[0]));
  const panelBytes = Math.max(
    ...tables.map(({ dtype, instance }) => matrixBytes(dtype, PANEL_ROWS, instance.shape[1])),
  );
  const nPanel = Math.ceil(nRow / PANEL_ROWS);
  const nSlice = Math.ceil(nPanel / Math.max(1, Math.floor(target / panelBytes)));
  const sliceRows = Math.ceil(nPanel / nSlice) * PANEL_ROWS;
  return tables.flatMap((table) => cutRows(table, sliceRows));
}

function cutRows(table: SizedTensor, sliceRows: number): SizedTensor[] {
  const [tableRows, nCol] = table.instance.shape;
  return Array.from({ length: Math.ceil(tableRows / sliceRows) }, (_, i) => {
    const firstRow = i * sliceRows;
    const nRow = Math.min(sliceRows, tableRows - firstRow);
    const bytes = matrixBytes(table.dtype, nRow, nCol);
    if (bytes > SHARD_MAX_BYTES) throw tooLarge({ ...table, bytes });
    return { ...table, bytes, slice: { firstRow, nRow } };
  });
}

/** The tensors of one layer, or of none, in pieces of the target's size if they are larger. */
function cutGroup(layer: number | null, tensors: readonly SizedTensor[]): Group[] {
  const layers = layer === null ? null : ([layer, layer + 1] as const);
  const groups: Group[] = [];
  for (const tensor of tensors) {
    const last = groups.at(-1);
    const room = tensor.bytes < CRUMB_BYTES ? SHARD_MAX_BYTES : SHARD_TARGET_BYTES;
    if (last !== undefined && groupBytes([...last.tensors, tensor]) <= room)
      last.tensors.push(tensor);
    else groups.push({ layers, tensors: [tensor] });
  }
  return groups;
}

/** Neighbouring whole layers in one shard while they fit. */
function joinLayers(groups: readonly Group[]): Group[] {
  const joined: Group[] = [];
  for (const group of groups) {
    const last = joined.at(-1);
    const isNext = last?.layers?.[1] !== undefined && last.layers[1] === group.layers?.[0];
    const tensors = [...(last?.tensors ?? []), ...group.tensors];
    if (isNext && group.layers !== null && groupBytes(tensors) <= SHARD_TARGET_BYTES)
      joined.splice(-1, 1, { layers: [last.layers[0], group.layers[1]], tensors });
    else joined.push(group);
  }
  return joined;
}

function groupBytes(tensors: readonly SizedTensor[]): number {
  return tensors.reduce((end, { bytes }) => roundUp(end, TENSOR_ALIGN) + bytes, 0);
}

function placeGroup({ layers, tensors }: Group, index: number): PlannedShard {
  let end = 0;
  const placed = tensors.map((tensor) => {
    const offset = roundUp(end, TENSOR_ALIGN);
    end = offset + tensor.bytes;
    return { ...tensor, offset };
  });
  const file = `shard-${String(index).padStart(4, '0')}.bin`;
  return { file, bytes: end, layers, tensors: placed };
}

function tooLarge({ instance, dtype, bytes }: SizedTensor): EngineError {
  const { name } = instance;
  return new EngineError(
    'E_MEMORY_BUDGET',
    `import: tensor ${name} as ${dtype} takes ${bytes} bytes; expected at most ${SHARD_MAX_BYTES}, since ` +
      'a matrix of a layer is stored in one piece. Use a preset of fewer bits, or a model of smaller layers.',
    { details: { name, dtype, bytes } },
  );
}
