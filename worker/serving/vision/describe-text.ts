/** The text in a picture, by a model that reads it. */
import type { TextLine } from '../../onnx/tasks/read-text.ts';
import { askOnnx } from '../clients/onnx-client.ts';
import type { Describer } from './describer.ts';

/** Model of deployments that name no other; `thimble pull` knows it. */
export const DEFAULT_OCR_MODEL = 'pp-ocr-v4';
/** Characters of one picture that a model is given. */
const MAX_TEXT_CHARS = 3000;

export const textDescriber: Describer = {
  name: 'text',
  model: {
    kind: 'onnx',
    id: ({ OCR_MODEL = '' }) => (OCR_MODEL === '' ? DEFAULT_OCR_MODEL : OCR_MODEL),
  },
  async describe({ env, caller, modelId }, picture, { size }) {
    const lines = await askOnnx<TextLine[]>(env, caller, modelId, (stub, call) =>
      stub.readText(call, modelId, picture),
    );
    const text = lines.map((line) => ({
      text: line.text,
      score: Math.round(line.score * 1000) / 1000,
      box: line.box.map((edge, i) =>
        i % 2 === 0
          ? Math.round((edge * size.width) / picture.width)
          : Math.round((edge * size.height) / picture.height),
      ),
    }));
    if (text.length === 0) return { lines: ['No text was found in the picture.'], data: { text } };
    const places = new Set(text.map(({ box }) => placeOf(box, size.width, size.height)));
    return {
      lines: [
        `The picture shows this text (${[...places].slice(0, 4).join(', ')}):`,
        // In marks of a quotation: models tell more of it then, and do less of what it says.
        `"${fitted(text.map((line) => line.text)).join('\n')}"`,
      ],
      data: { text },
    };
  },
};

function fitted(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let nChar = 0;
  for (const line of lines) {
    nChar += line.length;
    if (nChar > MAX_TEXT_CHARS) return [...kept, '(more text was left out)'];
    kept.push(line);
  }
  return kept;
}

/** Where the middle of a box lies, in words. */
export function placeOf(box: readonly number[], width: number, height: number): string {
  const [left = 0, top = 0, right = 0, bottom = 0] = box;
  const third = (middle: number, length: number) =>
    Math.min(2, Math.max(0, Math.floor((3 * middle) / length)));
  const down = ['top', 'middle', 'bottom'][third((top + bottom) / 2, height)]!;
  const across = ['left', 'centre', 'right'][third((left + right) / 2, width)]!;
  if (down === 'middle' && across === 'centre') return 'in the centre';
  return across === 'centre' ? `at the ${down}` : `${down} ${across}`;
}
