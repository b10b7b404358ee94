/** A data file as examples to learn from and examples that are held out, and their order. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import { shuffled } from '../lib/shuffled.ts';
import { readText } from '../train/read-text.ts';
import type { FinetuneConfig } from './config.ts';
import { type Encoded, type EncodeOptions, encodeRows, type Example } from './encode.ts';
import { rowsOf } from './pack.ts';
import { type DataForm, parseRows, type RowForm } from './rows.ts';

export interface Dataset extends Pick<Encoded, 'nCut' | 'nSkipped'> {
  readonly form: DataForm;
  readonly train: readonly Example[];
  readonly heldOut: readonly Example[];
  readonly nRow: number;
  /** Tokens of the rows that are learned from, and those of them that are learned. */
  readonly nToken: number;
  readonly nLearned: number;
  /** Tokens of a row: those asked for, or as many as the base has positions. */
  readonly maxTokens: number;
  /** Of the file. */
  readonly sha256: string;
  readonly invocation: readonly number[] | null;
}

/** Rows and their tokens are held in memory. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;
/** Rows below which nothing is held out. */
const MIN_HELD_FROM = 10;
/** So that the data is divided otherwise than it is ordered. */
const DIVISION_SALT = 0x5eed;

/** @throws {EngineError} E_USAGE naming the file, and lines and fields of bad rows */
export async function readDataset(
  config: FinetuneConfig,
  manifest: Pick<DecoderManifest, 'chatTemplate' | 'tokenizer' | 'config'>,
  tokenizer: Tokenizer,
): Promise<Dataset> {
  const { data: file, maxTokens: wanted, validation, invocation: text, prefix, seed } = config;
  const maxTokens = Math.min(wanted, manifest.config.nCtx - prefix);
  const { content, rows } = await readRows(file, 'data');
  // Special tokens of the template may be what switches the adapter on.
  const invocation = text === null ? null : tokenizer.encode(text, { special: true });
  const options = { tokenizer, manifest, maxTokens, invocation };
  const { examples, form, nCut, nSkipped } = encodeRows(rows, options);
  const heldOut = validation === null ? config.heldOut : 0;
  const divided = divideExamples(examples, { heldOut, seed });
  const measured =
    validation === null ? {} : { heldOut: await readValidation(validation, form, options) };
  return {
    ...divided,
    ...measured,
    ...{ form, nCut, nSkipped, nRow: rows.length, maxTokens, invocation },
    ...{ sha256: createHash('sha256').update(content).digest('hex') },
  };
}

/** @throws {EngineError} E_USAGE for a file that is too large, and naming bad rows */
async function readRows(file: string, field: 'data' | 'validation') {
  await checkSize(file, field);
  const content = await readText(file, field);
  return { content, rows: parseRows(content, file) };
}

/** @throws {EngineError} E_USAGE for bad rows, and for those of another form than the data's */
async function readValidation(
  file: string,
  form: RowForm,
  options: EncodeOptions,
): Promise<readonly Example[]> {
  const { rows } = await readRows(file, 'validation');
  const found = encodeRows(rows, options);
  if (found.form === form) return found.examples;
  throw new EngineError(
    'E_USAGE',
    `validation: ${file}: has rows of the form "${found.form}"; expected "${form}", as the data has. Give rows of that form.`,
    { param: 'validation' },
  );
}

/** Examples that are learned from and those that are held out, which a seed decides. */
export function divideExamples(
  examples: readonly Example[],
  { heldOut, seed }: Pick<FinetuneConfig, 'heldOut' | 'seed'>,
): Pick<Dataset, 'train' | 'heldOut' | 'nToken' | 'nLearned'> {
  const nHeld =
    heldOut === 0 || examples.length < MIN_HELD_FROM
      ? 0
      : Math.max(1, Math.round(examples.length * heldOut));
  const mixed = shuffled(new SeededRandom(seed ^ DIVISION_SALT), examples);
  const train = mixed.slice(nHeld);
  const texts = train.flatMap((example) => example.texts);
  return {
    ...{ train, heldOut: mixed.slice(0, nHeld) },
    nToken: train.reduce((sum, example) => sum + rowsOf(example), 0),
    nLearned: texts.reduce((sum, { learned }) => sum + learned.reduce((a, b) => a + b, 0), 0),
  };
}

/** What cannot be read at all is another's to report. */
async function checkSize(file: string, field: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_FILE_BYTES)
    throw new EngineError(
      'E_USAGE',
      `${field}: ${file}: ${size} bytes; expected at most ${MAX_FILE_BYTES}. Take a part of it.`,
      { param: field, details: { size } },
    );
}

/**
 * The examples of update `step`: all of them in another order each time they are seen. The same for a seed and a step, so
 * that a training goes on as if never cut.
 */
export function examplesOf(
  train: readonly Example[],
  { seed, step, batch, nStep, epochs }: OrderOptions,
): Example[] {
  const end = epochs === null ? nStep * batch : Math.min(nStep * batch, epochs * train.length);
  const found: Example[] = [];
  for (let at = step * batch; at < Math.min(end, (step + 1) * batch); at++) {
    const epoch = Math.floor(at / train.length);
    found.push(orderOf(train, seed + epoch)[at % train.length]!);
  }
  return found;
}

export interface OrderOptions {
  readonly seed: number;
  readonly step: number;
  readonly batch: number;
  readonly nStep: number;
  readonly epochs: number | null;
}

/** The last order of each set: a step asks for one or two. */
const orders = new WeakMap<readonly Example[], Map<number, readonly Example[]>>();

function orderOf(train: readonly Example[], seed: number): readonly Example[] {
  const known = orders.get(train)?.get(seed);
  if (known !== undefined) return known;
  const order = shuffled(new SeededRandom(seed), train);
  orders.set(train, new Map([...(orders.get(train) ?? [])].slice(-1)).set(seed, order));
  return order;
}
