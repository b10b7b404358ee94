/**
 * What storing a tensor in a type would cost: the relative squared error of a sample of its rows,
 * times what such an error costs in a tensor of its role.
 *
 * To first order a model's loss rises linearly with each matrix's relative squared error
 * (arXiv 2411.17525, theorem 1). The slopes are measured on SmolLM2-135M (docs/quantization.md);
 * another model's differ, so that a prediction ranks choices better than it predicts a perplexity.
 */
import type { TensorRole } from '../../../engine/archs/types.ts';
import { matrixBytes } from '../../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { SOURCE_DTYPES, sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import { canCarry } from '../../../engine/quant/carry-over.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { packBlocks, unpackMatrix } from '../../../engine/quant/layouts.ts';
import type { BlockDtypeName } from '../../../engine/quant/block-bytes.ts';
import { quantizeMatrix } from '../../../engine/quant/quantize.ts';
import type { FitChoice, FitGroup } from './fit.ts';
import type { MatchedTensor } from '../open/opened-model.ts';
import { LOSSLESS } from './presets.ts';

interface LossSlope {
  readonly plain: number;
  /** Slopes for errors that are weighted by a calibration. */
  readonly weighted: number;
}
/** Nats a token for a relative squared error of 1 in every tensor of the role. */
const LOSS_SLOPES: Record<TensorRole, LossSlope> = {
  embedding: { plain: 6.8, weighted: 38 },
  head: { plain: 6.8, weighted: 38 },
  attention: { plain: 9.5, weighted: 4.7 },
  ffn: { plain: 23, weighted: 5.2 },
  convolution: { plain: 23, weighted: 5.2 },
  depthwise: { plain: 0, weighted: 0 },
  norm: { plain: 0, weighted: 0 },
  bias: { plain: 0, weighted: 0 },
  router: { plain: 0, weighted: 0 },
  positions: { plain: 0, weighted: 0 },
};
/** Rows of a tensor its error is measured on, spread evenly. */
const SAMPLE_ROWS = 64;
/** Finest first. Finer than 8 bits costs speed and gains nothing measurable. */
const TYPES: readonly BlockDtypeName[] = ['q8', 'q6', 'q5m', 'q5', 'q4m', 'q4'];

/**
 * Relative squared error, sum w (x - x')^2 / sum w x^2, of sampled rows in `dtype`.
 * @throws {EngineError} E_FORMAT_INVALID for a file that ends too early.
 */
export async function roundingError(
  { instance, tensor }: MatchedTensor,
  dtype: WeightDtype,
  columnWeights: Float32Array | null,
): Promise<number> {
  if (keeps(tensor.dtype, dtype)) return 0;
  const [nRow, nCol] = instance.shape;
  const nSample = Math.min(nRow, SAMPLE_ROWS);
  const rowBytes = sourceBytes(tensor.dtype, nCol);
  const values = new Float32Array(nSample * nCol);
  for (let i = 0; i < nSample; i++) {
    const at = tensor.offset + Math.floor((i * nRow) / nSample) * rowBytes;
    const bytes = await readRange(tensor.source, at, rowBytes, tensor.name);
    values.set(dequantize(tensor.dtype, bytes), i * nCol);
  }
  const name = dtype as BlockDtypeName;
  const matrix = quantizeMatrix(name, nSample, nCol, values, columnWeights);
  const restored = unpackMatrix(name, nSample, nCol, packBlocks(name, matrix).bytes);
  let error = 0;
  let power = 0;
  for (const [i, value] of values.entries()) {
    const weight = columnWeights?.[i % nCol] ?? 1;
    error += weight * (value - restored[i]!) ** 2;
    power += weight * value ** 2;
  }
  return power > 0 ? error / power : 0;
}

function keeps(source: MatchedTensor['tensor']['dtype'], dtype: WeightDtype): boolean {
  return dtype === source.toLowerCase() || dtype === 'f32' || canCarry(source, dtype);
}

/**
 * Groups of tensors with what each type costs them. Tensors of one layer, role and input width go
 * together, so that those that read the same activations can be stored as one matrix.
 */
export async function fitGroups(
  matched: readonly MatchedTensor[],
  weightsOf: (name: string) => Float32Array | null,
): Promise<FitGroup[]> {
  const nOfRole = Map.groupBy(matched, ({ instance }) => instance.spec.role);
  const grouped = Map.groupBy(matched, ({ instance }) => {
    const { spec, layer, shape, name } = instance;
    if (layer === null || LOSS_SLOPES[spec.role].plain === 0) return name;
    return `layers.${layer}.${spec.role} (${shape[1]} columns)`;
  });
  const groups: FitGroup[] = [];
  for (const [name, members] of grouped) {
    const role = members[0]!.instance.spec.role;
    const nMember = nOfRole.get(role)!.length;
    const slopes = LOSS_SLOPES[role];
    const choices = new Map<string, FitChoice>();
    for (const wanted of slopes.plain === 0 ? [null] : TYPES) {
      const dtypes = members.map((member) => typeFor(member, wanted));
      if (choices.has(dtypes.join())) continue;
      let lossNats = 0;
      for (const [i, member] of members.entries()) {
        const weights = weightsOf(member.instance.name);
        const slope = weights === null ? slopes.plain : slopes.weighted;
        lossNats += (slope / nMember) * (await roundingError(member, dtypes[i]!, weights));
      }
      const bytes = members.reduce((sum, { instance }, i) => {
        return sum + matrixBytes(dtypes[i]!, instance.shape[0], instance.shape[1]);
      }, 0);
      choices.set(dtypes.join(), { dtypes, bytes, lossNats });
    }
    const names = members.map(({ instance }) => instance.name);
    groups.push({ name, members: names, choices: [...choices.values()] });
  }
  return groups;
}

/** `wanted`, or what keeps the file's values when that takes no more room; f32 for small tensors. */
function typeFor({ instance, tensor }: MatchedTensor, wanted: BlockDtypeName | null): WeightDtype {
  if (wanted === null) return 'f32';
  const keep = LOSSLESS[tensor.dtype];
  if (SOURCE_DTYPES[tensor.dtype].blockElements === 1) return wanted;
  const bytesOf = (dtype: WeightDtype) => matrixBytes(dtype, instance.shape[0], instance.shape[1]);
  return bytesOf(keep) <= bytesOf(wanted) ? keep : wanted;
}
