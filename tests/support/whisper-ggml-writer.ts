/** Writes Whisper files as whisper.cpp's models/convert-pt-to-ggml.py does (scripts/import/open/read-whisper-ggml.ts). */
import { SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import { ByteWriter } from './byte-writer.ts';

export interface WrittenGgmlTensor {
  readonly name: string;
  /** Slowest first. */
  readonly dims: readonly number[];
  readonly dtype: SourceDtype;
  readonly data: Uint8Array;
}

export interface WrittenWhisper {
  /** n_vocab, n_audio_ctx, _state, _head, _layer, n_text_ctx, _state, _head, _layer, n_mels. */
  readonly sizes: readonly number[];
  readonly tokens: readonly Uint8Array[];
  readonly tensors: readonly WrittenGgmlTensor[];
  /** 1 for F16; 1000 times the version of the blocks and the type of quantized files. */
  readonly ftype?: number;
}

const N_FREQUENCY = 201;

export function writeWhisperGgml({
  sizes,
  tokens,
  tensors,
  ftype = 1,
}: WrittenWhisper): Uint8Array {
  const out = new ByteWriter();
  out.u32(0x67676d6c);
  for (const size of [...sizes, ftype]) out.i32(size);
  const nMels = sizes.at(-1)!;
  out
    .i32(nMels)
    .i32(N_FREQUENCY)
    .floats(new Float32Array(nMels * N_FREQUENCY));
  out.i32(tokens.length);
  for (const token of tokens) out.i32(token.length).raw(token);
  for (const { name, dims, dtype, data } of tensors) {
    // Biases of convolutions are columns.
    const written = /conv\d\.bias$/.test(name) ? [...dims, 1] : dims;
    out.i32(written.length).i32(name.length).i32(SOURCE_DTYPES[dtype].ggmlId);
    for (const dim of written.toReversed()) out.i32(dim);
    out.text(name).raw(data);
  }
  return out.done();
}
