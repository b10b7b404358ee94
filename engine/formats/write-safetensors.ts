/** The bytes of a safetensors file (github.com/huggingface/safetensors#format). */

/** Bytes of the length of the header. */
const LENGTH_BYTES = 8;
/** The data after the header begins at a multiple of this, as readers that map files expect. */
const ALIGN_BYTES = 8;

export interface WrittenTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'F16';
  readonly shape: readonly number[];
  readonly values: Float32Array | Uint16Array;
}

export function writeSafetensors(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  let at = 0;
  const rows = tensors.map(({ name, dtype, shape, values: { byteLength } }) => {
    const data_offsets = [at, at + byteLength];
    at += byteLength;
    return [name, { dtype, shape, data_offsets }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(rows) });
  const length = new TextEncoder().encode(json).length;
  const header = new TextEncoder().encode(json + ' '.repeat(-length & (ALIGN_BYTES - 1)));
  const out = new Uint8Array(LENGTH_BYTES + header.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, LENGTH_BYTES);
  let end = LENGTH_BYTES + header.length;
  for (const { values } of tensors) {
    // A copy of what may lie in a memory that threads share.
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), end);
    end += values.byteLength;
  }
  return out;
}
