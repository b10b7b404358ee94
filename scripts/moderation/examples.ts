/** Labelled and ordinary texts that the moderation classifier is trained on and measured with. */
import { readFileSync } from 'node:fs';
import { hashUnit } from './hash-unit.ts';
import { wordsOf } from '../../engine/text/hashed-features.ts';

/** What is judged, in the order of the classifier's labels. */
export const LABELS = ['hate', 'offensive'] as const;

export interface Example {
  readonly text: string;
  /** Share of annotators who gave each label; an offensive text may be hateful, too. */
  readonly shares: readonly number[];
  /** Whether most of them gave it. */
  readonly labels: readonly boolean[];
}

export interface Split {
  readonly train: Example[];
  readonly validation: Example[];
  readonly test: Example[];
}

const TRAIN_PART = 0.7;
const VALIDATION_PART = 0.15;
/** The class that most annotators chose: 0 hate speech, 1 offensive language, 2 neither. */
const [HATE, NEITHER] = ['0', '2'];

/**
 * Rows of Davidson's labels (index, count, hate_speech, offensive_language, neither, class, tweet). The same text
 * (a retweet) is taken once.
 */
export function readTweets(path: string): Example[] {
  const [header, ...rows] = parseCsv(readFileSync(path, 'utf8'));
  if (header?.at(-1) !== 'tweet') throw new Error(`${path}: expected a column "tweet" at the end`);
  const examples = new Map<string, Example>();
  for (const row of rows) {
    const [, count = '', hate = '', offensive = '', , kind = '', tweet = ''] = row;
    if (row.length !== 7) continue;
    const text = tweet.replace(/^["!\s]*RT\b/, ' ').trim();
    const key = wordsOf(text).join(' ');
    if (key === '' || examples.has(key)) continue;
    const n = Number(count);
    examples.set(key, {
      text,
      shares: [Number(hate) / n, (Number(hate) + Number(offensive)) / n],
      labels: [kind === HATE, kind !== NEITHER],
    });
  }
  return [...examples.values()];
}

/** English sentences of a file of pairs divided by tabs (manythings.org/anki, from Tatoeba). */
export function readSentences(path: string): Example[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const texts = new Set(lines.map((line) => line.split('\t')[0]!).filter(Boolean));
  return [...texts].map(neutral);
}

/** Paragraphs of a plain text. */
export function readParagraphs(path: string): Example[] {
  const texts = readFileSync(path, 'utf8').split(/\n\s*\n|<\|endoftext\|>/);
  return texts.map((text) => neutral(text.trim())).filter(({ text }) => text.length >= 40);
}

export function neutral(text: string): Example {
  return { text, shares: LABELS.map(() => 0), labels: LABELS.map(() => false) };
}

/** The part that a text is in follows from the text alone. */
export function split(examples: readonly Example[]): Split {
  const parts: Split = { train: [], validation: [], test: [] };
  for (const example of examples) {
    const at = hashUnit(wordsOf(example.text).join(' '));
    const part =
      at < TRAIN_PART ? 'train' : at < TRAIN_PART + VALIDATION_PART ? 'validation' : 'test';
    parts[part].push(example);
  }
  return parts;
}

/** Fields may be quoted, with quotes doubled and line breaks inside. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) break;
    const [, value = '', end] = match;
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
