/** A small data set of three modalities: scenes with questions, spoken digits, dialogues; all of it follows from a seed. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encode } from 'fast-png';
import { percent } from '../audit/shown.ts';
import type { CardAbout, DescribedFile } from '../output/croissant.ts';
import { RowFacts } from '../output/croissant.ts';
import { RowWriter, writeFolder } from '../output/folder.ts';
import type { Section } from '../output/section.ts';
import { writeReport } from '../output/write-report.ts';
import { throwIfCut } from '../readers/pieces.ts';
import type { Fields } from '../row.ts';
import { UnboundBaseline } from './baseline.ts';
import type { Asked, Unbound } from './baseline.ts';
import { dialogueOf } from './dialogues.ts';
import { N_MELS, writeDigits } from './digits.ts';
import { readEasyVqa } from './easy-vqa.ts';
import { captionOf, drawScene, questionsOf, SCENE_SIDE, sceneOf } from './scenes.ts';

const EASY_VQA_LICENCE = 'MIT';
const FSDD_LICENCE = 'CC-BY-SA-4.0';
/** Units between turns of the event loop, in which a signal is heard. */
const TURN_UNITS = 256;

export interface MiniOptions {
  readonly out: string;
  readonly seed: number;
  readonly nScene: number;
  readonly nDialogue: number;
  /** easy-VQA's folder, and the recordings of the Free Spoken Digit Dataset; null to leave them out. */
  readonly easyVqa: string | null;
  readonly fsdd: string | null;
  readonly signal: AbortSignal;
  readonly about: CardAbout;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

export interface Mini {
  /** Rows of each file. */
  readonly rows: Readonly<Record<string, number>>;
  /** What answers from the question alone score, by data set and split. */
  readonly baselines: readonly (Unbound & { readonly data: string; readonly split: string })[];
  readonly sections: readonly Section[];
  readonly missing: readonly string[];
}

type SplitQuestion = Asked & { readonly split: string };

/** @throws {EngineError} E_DATA_INVALID for a data set of another form, E_ABORTED, and as `writeFolder` does */
export async function writeMini(options: MiniOptions): Promise<Mini> {
  const { out, about } = options;
  return await writeFolder(out, async (folder) => {
    const tables = new Tables(folder, about.licence);
    const baselines: Mini['baselines'][number][] = [];
    try {
      baselines.push(...scoresOf('scenes', await writeScenes(options, folder, tables)));
      if (options.easyVqa !== null)
        baselines.push(
          ...scoresOf('easy-vqa', await copyEasyVqa(options, options.easyVqa, folder, tables)),
        );
      if (options.fsdd !== null) {
        await mkdir(join(folder, 'digits'));
        const digits = await writeDigits(options.fsdd, join(folder, 'digits'), options.signal);
        for (const digit of digits)
          await tables.write('digits/digits.jsonl', { ...digit, licence: FSDD_LICENCE });
      }
      for (let i = 0; i < options.nDialogue; i++) {
        if (i % TURN_UNITS === 0) await turn(options, i, options.nDialogue, 'dialogues');
        await tables.write('dialogues.jsonl', { messages: dialogueOf(options.seed, i) });
      }
    } catch (error) {
      await tables.drop();
      throw error;
    }
    const files = await tables.end();
    const rows = tables.rows;
    const sections = miniSections(options, rows, baselines);
    const missing = await writeReport(folder, about, sections, files, tables.facts);
    return { rows, baselines, sections, missing };
  });
}

async function turn(
  { signal, onProgress }: MiniOptions,
  done: number,
  total: number,
  what: string,
): Promise<void> {
  onProgress?.(done, total, what);
  await new Promise((resolve) => setImmediate(resolve));
  throwIfCut(signal);
}

async function writeScenes(
  options: MiniOptions,
  folder: string,
  tables: Tables,
): Promise<SplitQuestion[]> {
  const { seed, nScene } = options;
  const asked: SplitQuestion[] = [];
  await mkdir(join(folder, 'scenes/images'), { recursive: true });
  for (let i = 0; i < nScene; i++) {
    if (i % TURN_UNITS === 0) await turn(options, i, nScene, 'scenes');
    const scene = sceneOf(seed, i);
    const { split, objects } = scene;
    const image = `images/${String(i).padStart(6, '0')}.png`;
    const size = { width: SCENE_SIDE, height: SCENE_SIDE, channels: 3, depth: 8 } as const;
    await writeFile(join(folder, 'scenes', image), encode({ ...size, data: drawScene(scene) }));
    await tables.write('scenes/captions.jsonl', {
      image,
      caption: captionOf(scene),
      split,
      objects,
    });
    for (const question of questionsOf(scene, seed, i)) {
      await tables.write('scenes/questions.jsonl', { image, ...question, split });
      asked.push({ ...question, split });
    }
  }
  return asked;
}

async function copyEasyVqa(
  options: MiniOptions,
  source: string,
  folder: string,
  tables: Tables,
): Promise<SplitQuestion[]> {
  const rows = await readEasyVqa(source);
  const copied = new Set<string>();
  for (const [i, row] of rows.entries()) {
    if (i % TURN_UNITS === 0) await turn(options, i, rows.length, 'easy-VQA');
    await tables.write('easy-vqa/questions.jsonl', { ...row, licence: EASY_VQA_LICENCE });
    if (copied.has(row.image)) continue;
    copied.add(row.image);
    const path = join(folder, 'easy-vqa', row.image);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(join(source, row.image), path);
  }
  return rows;
}

/** Learned from the split `train`; scored on each of the others. */
function scoresOf(data: string, questions: readonly SplitQuestion[]): Mini['baselines'] {
  const baseline = new UnboundBaseline();
  for (const one of questions) if (one.split === 'train') baseline.learn(one);
  const splits = [...new Set(questions.map(({ split }) => split))].filter((one) => one !== 'train');
  return splits.toSorted().map((split) => ({
    ...{ data, split },
    ...baseline.score(questions.filter((one) => one.split === split)),
  }));
}

/** JSONL files of a folder, each begun with its first row. */
class Tables {
  readonly facts = new RowFacts();
  readonly #folder: string;
  readonly #licence: string | null;
  readonly #open = new Map<string, { writer: RowWriter; facts: RowFacts }>();

  constructor(folder: string, licence: string | null) {
    this.#folder = folder;
    this.#licence = licence;
  }

  get rows(): Record<string, number> {
    return Object.fromEntries([...this.#open].map(([path, { writer }]) => [path, writer.nRow]));
  }

  async write(path: string, fields: Fields): Promise<void> {
    let table = this.#open.get(path);
    if (table === undefined) {
      await mkdir(dirname(join(this.#folder, path)), { recursive: true });
      table = { writer: new RowWriter(join(this.#folder, path)), facts: new RowFacts() };
      this.#open.set(path, table);
    }
    table.facts.add(fields, this.#licence);
    this.facts.add(fields, this.#licence);
    await table.writer.write(fields);
  }

  async end(): Promise<DescribedFile[]> {
    const files: DescribedFile[] = [];
    for (const [path, { writer, facts }] of this.#open) {
      const sha256 = await writer.end();
      files.push({ file: { path, bytes: writer.nByte, sha256 }, columns: facts.columns });
    }
    return files;
  }

  async drop(): Promise<void> {
    for (const { writer } of this.#open.values()) await writer.drop();
  }
}

function miniSections(
  { seed }: MiniOptions,
  rows: Readonly<Record<string, number>>,
  baselines: Mini['baselines'],
): Section[] {
  return [
    {
      title: 'Rows',
      note: `seed ${seed}; digits are log-mel frames of ${N_MELS} bands`,
      rows: Object.entries(rows).map(([path, n]) => [path, String(n)]),
      numbers: [1],
    },
    {
      title: 'Unbound baseline',
      note: 'right answers without the picture: the answer that is most frequent in training, for the type of a question or for its words',
      head: ['data', 'split', 'questions', 'by type', 'by words'],
      rows: baselines.map(({ data, split, nQuestion, nByType, nByWords }) => [
        ...[data, split, String(nQuestion)],
        ...[percent(nByType, nQuestion), percent(nByWords, nQuestion)],
      ]),
      numbers: [2],
    },
  ];
}
