/**
 * Tensors that are quantized in the file and are quantized to 4 bits once more: that costs more than it
 * saves, so an import warns about it.
 */
import type { WeightedManifest, TensorRow } from '../../../engine/manifest/manifest.ts';
import { SOURCE_DTYPES } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { canCarry } from '../../../engine/quant/carry-over.ts';

const FOUR_BITS: readonly string[] = ['q4', 'q4m'];

/** Tensors of a block type in the file that now have 4 bits they did not have before. */
export function requantizedTensors({ tensors }: Pick<WeightedManifest, 'tensors'>): TensorRow[] {
  return tensors.filter(({ dtype, sourceDtype }) => {
    const source = sourceDtype as SourceDtype;
    return (
      FOUR_BITS.includes(dtype) &&
      SOURCE_DTYPES[source].blockElements > 1 &&
      !canCarry(source, dtype)
    );
  });
}

/** A warning for the user, or null. The cost is from docs/quantization.md, measured on SmolLM2-135M. */
export function requantizeWarning(manifest: Pick<WeightedManifest, 'tensors'>): string | null {
  const rows = requantizedTensors(manifest);
  if (rows.length === 0) return null;
  const pairs = new Set(rows.map(({ dtype, sourceDtype }) => `${sourceDtype} to ${dtype}`));
  const isFourTwice = rows.some((row) => SOURCE_DTYPES[row.sourceDtype as SourceDtype].bits <= 4);
  const cost = isFourTwice ? '20 to 30 % perplexity' : 'several per cent perplexity';
  return (
    `${rows.length} tensors that are quantized in the file are quantized again ` +
    `(${[...pairs].join(', ')}); on a small model that costs ${cost}. ` +
    'Use --preset edge, or a file of the same model in F16; --calibration about halves the cost.'
  );
}
