/** A Whisper of another format as whisper.cpp's converter would write it: matrices in F16, the rest in F32. */
import { readRange } from '../../engine/formats/byte-source.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import { bytesOfByteLevelPiece } from '../../engine/text/token-bytes.ts';
import { openModel } from '../../scripts/import/open/open-model.ts';
import { matchTensors } from '../../scripts/import/open/opened-model.ts';
import type { MatchedTensor } from '../../scripts/import/open/opened-model.ts';
import { encodeFloats } from './random-blocks.ts';
import { writeWhisperGgml } from './whisper-ggml-writer.ts';
import type { WrittenGgmlTensor } from './whisper-ggml-writer.ts';

export async function whisperAsGgml(folder: string): Promise<Uint8Array> {
  await using open = new AsyncDisposableStack();
  const model = await openModel(folder, open);
  if (model.fields.kind !== 'recognition')
    throw new RangeError(`${folder} is no recognition model`);
  const c = model.fields.config;
  const tensors: WrittenGgmlTensor[] = [];
  // Biases of keys are zero, and not in such files.
  for (const matched of matchTensors(model))
    if (!/k(Bias)$/i.test(matched.instance.spec.name)) tensors.push(await written(matched));
  return writeWhisperGgml({
    sizes: [
      ...[c.nVocab, c.nAudioCtx, c.nEmbd, c.nHead, c.nAudioLayer],
      ...[c.nTextCtx, c.nEmbd, c.nHead, c.nTextLayer, c.nMels],
    ],
    tokens: tokensOf(model.tokenizer!.json),
    tensors,
  });
}

function tokensOf(json: string): Uint8Array[] {
  const { model } = JSON.parse(json) as { model: { vocab: Record<string, number> } };
  return Object.entries(model.vocab)
    .filter(([piece]) => piece !== '<|endoftext|>')
    .sort(([, a], [, b]) => a - b)
    .map(([piece]) => bytesOfByteLevelPiece(piece));
}

async function written({ instance, tensor }: MatchedTensor): Promise<WrittenGgmlTensor> {
  const { name, taps } = instance.places.ggml!;
  const bytes = await readRange(tensor.source, tensor.offset, tensor.bytes, name);
  const values = dequantize(tensor.dtype, bytes);
  const [nRow, nCol] = instance.shape;
  const isSmall = nRow === 1 || /positional/.test(name);
  const dtype = isSmall ? 'F32' : 'F16';
  const nIn = nCol / taps;
  // Ours are neighbours one after the other, the file's last dimension.
  const inFile = values.map((_, i) => {
    const [row, inner] = [Math.floor(i / nCol), i % nCol];
    return values[row * nCol + (inner % taps) * nIn + Math.floor(inner / taps)]!;
  });
  const whole = nRow === 1 ? [nCol] : [nRow, nCol];
  return {
    name,
    dims: taps > 1 ? [nRow, nIn, taps] : whole,
    dtype,
    data: encodeFloats(dtype, taps > 1 ? inFile : values),
  };
}
