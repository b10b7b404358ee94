/** The bytes of a safetensors file of 32-bit values. */
import { writeSafetensors } from '../../engine/formats/write-safetensors.ts';

export interface FloatTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export function encodeSafetensors(
  tensors: readonly FloatTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return writeSafetensors(
    tensors.map((tensor) => ({ ...tensor, dtype: 'F32' })),
    metadata,
  );
}
