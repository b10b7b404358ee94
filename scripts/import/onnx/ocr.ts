/** PP-OCR as two graphs: the detector's file, and the reader's beside it with its characters inside. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile } from '../../../engine/formats/byte-source.ts';
import { readOnnxModel } from '../../../engine/onnx/read-model.ts';
import { readFields, readText as readWireText } from '../../../engine/onnx/wire.ts';
import {
  DETECTOR_SIDE,
  READER_HEIGHT,
  READER_MAX_WIDTH,
} from '../../../worker/onnx/tasks/read-text.ts';
import type { Recipe, RecipeInput } from './recipe.ts';
import { outputRows } from './values.ts';

/** `..._det_infer.onnx` and `..._rec_infer.onnx`, as they are published. */
const DETECTOR_NAME = /_det_(.*\.onnx)$/;

export async function ocrPair({ file, path }: RecipeInput): Promise<Recipe> {
  const readerName = path.split(/[/\\]/).at(-1)?.replace(DETECTOR_NAME, '_rec_$1') ?? '';
  const readerPath = join(dirname(path), readerName);
  if (!DETECTOR_NAME.test(path))
    throw new EngineError(
      'E_USAGE',
      `import: ${path}; expected the detector of a PP-OCR pair, named ..._det_....onnx, with the reader beside it.`,
    );
  const buffer = await readFile(readerPath).catch((cause: unknown) => {
    throw new EngineError(
      'E_USAGE',
      `import: ${readerPath} is missing; expected the pair's reader beside its detector.`,
      { cause },
    );
  });
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const reader = readOnnxModel(readerName, bytes);
  const side = { name: 'side', max: DETECTOR_SIDE };
  const input = (
    name: string | undefined,
    shape: Recipe['graphs'][number]['inputs'][number]['shape'],
  ) => [{ name: name ?? '', dtype: 'float32' as const, shape }];
  return {
    task: { name: 'text-recognition', characters: [...charactersOf(readerName, bytes), ' '] },
    graphs: [
      {
        name: 'detector',
        file,
        inputs: input(file.graph.inputs[0]?.name, [
          1,
          3,
          { ...side, name: 'height' },
          { ...side, name: 'width' },
        ]),
        outputs: outputRows(path, file.graph),
        optimization: 'all',
      },
      {
        name: 'reader',
        file: reader,
        inputs: input(reader.graph.inputs[0]?.name, [
          1,
          3,
          READER_HEIGHT,
          { name: 'width', max: READER_MAX_WIDTH },
        ]),
        outputs: outputRows(readerPath, reader.graph),
        optimization: 'all',
      },
    ],
  };
}

/** One per line, in the metadata of the file. */
function charactersOf(name: string, bytes: Uint8Array): string[] {
  for (const { field, bytes: entry } of readFields(name, bytes)) {
    // ModelProto.metadata_props
    if (field !== 14) continue;
    const texts = [...readFields(name, entry)].map((part) => readWireText(name, part.bytes));
    if (texts[0] === 'character') return (texts[1] ?? '').split('\n').filter((line) => line !== '');
  }
  throw invalidFile(name, 'does not list its characters', 'the metadata "character"');
}
