/**
 * Reads the text of an image with PP-OCR (github.com/PaddlePaddle/PaddleOCR): one graph finds lines, the
 * other gives a probability of each character for every few columns of a line (CTC, Graves et al. 2006).
 */
import type { Picture } from '../../../engine/vision/picture.ts';
import { crop, resize } from '../../../engine/vision/resize.ts';
import type { OnnxModel } from '../load-model.ts';
import { float32Of, float32Tensor } from '../tensors.ts';
import type { OnnxTensorData } from '../tensors.ts';
import { pictureOf } from './image-source.ts';
import type { ImageSource } from './image-source.ts';
import { requireTask } from './require-task.ts';
import { findLines } from './text-lines.ts';
import type { Box } from './text-lines.ts';

/** Longest side of the detector's input in pixels; sides are multiples of 32. */
export const DETECTOR_SIDE = 448;
const DETECTOR_STEP = 32;
/** Height of the reader's input in pixels; longer lines are squeezed to its width. */
export const READER_HEIGHT = 48;
export const READER_MAX_WIDTH = 640;
const READER_MIN_WIDTH = 16;
/** Lines with a lower score are taken for noise. */
const MIN_SCORE = 0.5;

export interface TextLine {
  readonly text: string;
  /** Mean probability of the line's characters. */
  readonly score: number;
  readonly box: Box;
}

/** @throws {EngineError} E_IMAGE_INVALID, E_MODEL_KIND. */
export async function readText(model: OnnxModel, input: ImageSource): Promise<TextLine[]> {
  const { characters } = requireTask(model.manifest, 'text-recognition');
  const picture = pictureOf(input);
  const lines: TextLine[] = [];
  for (const box of await detect(model, picture)) {
    const line = await readLine(model, crop(picture, box), characters);
    if (line.text.trim() !== '' && line.score >= MIN_SCORE) lines.push({ ...line, box });
  }
  return lines;
}

async function detect(model: OnnxModel, picture: Picture): Promise<Box[]> {
  const scale = Math.min(1, DETECTOR_SIDE / Math.max(picture.width, picture.height));
  const side = (length: number) =>
    Math.max(DETECTOR_STEP, Math.round((length * scale) / DETECTOR_STEP) * DETECTOR_STEP);
  const [width, height] = [side(picture.width), side(picture.height)];
  const map = await run(model, 'detector', planes(resize(picture, width, height)));
  return findLines(map, width, height, picture);
}

async function readLine(
  model: OnnxModel,
  line: Picture,
  characters: readonly string[],
): Promise<Pick<TextLine, 'text' | 'score'>> {
  const wanted = Math.ceil((line.width * READER_HEIGHT) / line.height);
  const width = Math.min(READER_MAX_WIDTH, Math.max(READER_MIN_WIDTH, wanted));
  const scores = await run(model, 'reader', planes(resize(line, width, READER_HEIGHT)));
  return readScores(scores, characters);
}

/**
 * The most likely class of each step, without repetitions and blanks.
 * @param scores [steps, 1 + characters]; class 0 is the blank
 */
export function readScores(
  scores: Float32Array,
  characters: readonly string[],
): Pick<TextLine, 'text' | 'score'> {
  const nClass = characters.length + 1;
  let text = '';
  let sum = 0;
  let n = 0;
  let before = 0;
  for (let at = 0; at + nClass <= scores.length; at += nClass) {
    const step = scores.subarray(at, at + nClass);
    let best = 0;
    for (let i = 1; i < nClass; i++) if (step[i]! > step[best]!) best = i;
    if (best !== 0 && best !== before) {
      text += characters[best - 1] ?? '';
      sum += step[best]!;
      n++;
    }
    before = best;
  }
  return { text, score: n === 0 ? 0 : sum / n };
}

/** Planes of blue, green and red from -1 to 1, [1, 3, height, width]. */
function planes({ width, height, rgb }: Picture): OnnxTensorData {
  const plane = width * height;
  const data = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++) data[c * plane + i] = rgb[3 * i + 2 - c]! / 127.5 - 1;
  return float32Tensor(data, [1, 3, height, width]);
}

async function run(
  model: OnnxModel,
  name: 'detector' | 'reader',
  tensor: OnnxTensorData,
): Promise<Float32Array> {
  const graph = model.manifest.graphs.find((row) => row.name === name);
  const outputs = await model.run(name, { [graph?.inputs[0]?.name ?? '']: tensor });
  return float32Of(outputs, graph?.outputs[0]?.name ?? '');
}
