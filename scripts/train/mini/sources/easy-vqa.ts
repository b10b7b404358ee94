/** easy-VQA: pictures of one shape, with all questions about each in one example. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePicture } from '../../../../engine/vision/decode-picture.ts';
import type { PatchGrid } from '../../../../engine/vision/patches.ts';
import type { Picture } from '../../../../engine/vision/picture.ts';
import { UnboundBaseline } from '../../../data/mini/baseline.ts';
import { type EasyVqaRow, readEasyVqa } from '../../../data/mini/easy-vqa.ts';
import { type Example, ExampleWriter } from '../example.ts';
import { shuffled } from '../../../lib/shuffled.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { imageSegment } from './scenes.ts';
import type { Source } from './source.ts';

export const EASY_VQA = 'easy-vqa';

interface Asked {
  readonly picture: Picture;
  readonly rows: readonly EasyVqaRow[];
}

/** @param weight of an answer @throws {EngineError} E_DATA_INVALID, E_IMAGE_INVALID */
export async function easyVqaSource(
  vocabulary: Vocabulary,
  folder: string,
  grid: PatchGrid,
  nContext: number,
  weight: number,
): Promise<Source> {
  const all = await readEasyVqa(folder);
  const [train, test] = [
    await withPictures(folder, all, 'train'),
    await withPictures(folder, all, 'test'),
  ];
  const baseline = new UnboundBaseline();
  for (const row of all) if (row.split === 'train') baseline.learn(row);
  const { nByWords, nQuestion } = baseline.score(all.filter(({ split }) => split === 'test'));
  const write = ({ picture }: Asked, rows: readonly EasyVqaRow[]): Example => {
    const writer = new ExampleWriter(vocabulary);
    const segment = imageSegment(picture, grid);
    for (const [i, { question, answer }] of rows.entries()) {
      writer.question(question, i === 0 ? segment : null);
      writer.answer({ kind: EASY_VQA, question, answer }, weight);
    }
    return writer.end(nContext);
  };
  return {
    name: EASY_VQA,
    about: { what: 'easy-VQA (Zhou 2019)', licence: 'MIT' },
    unbound: new Map([[EASY_VQA, nByWords / nQuestion]]),
    example(random) {
      const asked = train[random.integer(0, train.length - 1)]!;
      return write(asked, shuffled(random, asked.rows));
    },
    // One of the questions alone: an answer before it could give it away.
    heldOut: (n) =>
      test.slice(0, n).map((asked, i) => write(asked, [asked.rows[i % asked.rows.length]!])),
  };
}

async function withPictures(
  folder: string,
  all: readonly EasyVqaRow[],
  split: EasyVqaRow['split'],
): Promise<Asked[]> {
  const byImage = Map.groupBy(
    all.filter((row) => row.split === split),
    ({ image }) => image,
  );
  const asked: Asked[] = [];
  for (const [image, rows] of byImage)
    asked.push({ picture: decodePicture(await readFile(join(folder, image))), rows });
  return asked;
}
