/**
 * Sentence pairs of two languages as rows to learn from and sentences to measure on, none of which shares a sentence of
 * either language with a row. The same for a seed.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';

export interface SentencePair {
  readonly source: string;
  readonly target: string;
}

/** A sentence with all translations that the file has of it. */
export interface Translated {
  readonly source: string;
  readonly references: readonly string[];
}

export interface SplitOptions {
  /** Words of a source sentence at most; those of a single word are left out. */
  readonly maxWords: number;
  /** UTF-16 units of either sentence at most. */
  readonly maxChars: number;
  /** Rows to learn from at most. */
  readonly nTrain: number;
  /** Sentences to measure on, and as many others to choose by. */
  readonly nTest: number;
  readonly nChoice: number;
  readonly seed: number;
}

export interface PairSplit {
  /** One translation of each sentence, the shortest: of several right ones the network would learn the mean. */
  readonly train: readonly SentencePair[];
  /** To measure on. */
  readonly test: readonly Translated[];
  /** To choose a prompt by. */
  readonly choice: readonly Translated[];
  /** Pairs within the bounds of length, and those of them left out of the rows since they share a sentence. */
  readonly nFit: number;
  readonly nShared: number;
}

/** About an hour of one thread. */
export const SPLIT_DEFAULTS: SplitOptions = {
  ...{ maxWords: 5, maxChars: 30, nTrain: 14_400, nTest: 400, nChoice: 60, seed: 1 },
};
const MIN_WORDS = 2;

/**
 * Lines of two or more fields divided by tabs, the source first, as manythings.org/anki writes them; further fields
 * (attribution) are passed over. White space of any kind becomes a space.
 * @throws {EngineError} E_USAGE naming the first line without two sentences, and for a file without any
 */
export function parsePairs(content: string, file: string): SentencePair[] {
  const pairs: SentencePair[] = [];
  for (const [i, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [source = '', target = ''] = line.split('\t').map(spaced);
    if (source === '' || target === '')
      throw new EngineError(
        'E_USAGE',
        `${file}: line ${i + 1}: expected two sentences with a tab between them. Correct or remove the line.`,
        { param: 'pairs', details: { line: i + 1 } },
      );
    pairs.push({ source, target });
  }
  if (pairs.length === 0)
    throw new EngineError('E_USAGE', `${file}: has no pairs. Give "sentence TAB translation".`, {
      param: 'pairs',
    });
  return pairs;
}

const spaced = (text: string): string => text.replace(/\s+/gu, ' ').trim();

/** What two sentences have in common that differ in capitals, punctuation and spaces only. */
export function sentenceKey(sentence: string): string {
  return spaced(sentence.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' '));
}

/** @throws {EngineError} E_USAGE for a file with fewer short sentences than are asked for */
export function splitPairs(pairs: readonly SentencePair[], options: SplitOptions): PairSplit {
  const fit = pairs.filter((pair) => isShort(pair, options));
  const bySource = Map.groupBy(fit, ({ source }) => sentenceKey(source));
  const { nTest, nChoice, nTrain, seed } = options;
  if (bySource.size <= nTest + nChoice)
    throw new EngineError(
      'E_USAGE',
      `pairs: ${bySource.size} sentences of ${MIN_WORDS} to ${options.maxWords} words and at most ${options.maxChars} characters; expected more than the ${nTest + nChoice} that are held out. Give more pairs, or hold out fewer.`,
      { param: 'pairs', details: { found: bySource.size } },
    );
  const order = shuffled(new SeededRandom(seed), [...bySource.keys()].toSorted());
  const held = order.slice(0, nTest + nChoice);
  // Translations are of all lengths: a long one is known, too.
  const allBySource = Map.groupBy(pairs, ({ source }) => sentenceKey(source));
  const known = new Set(
    held.flatMap((key) => allBySource.get(key)!.map(({ target }) => sentenceKey(target))),
  );
  const isShared = ({ target }: SentencePair): boolean => known.has(sentenceKey(target));
  const rest = order.slice(held.length).map((key) => bySource.get(key)!);
  const train = rest
    .map((all) => all.filter((pair) => !isShared(pair)))
    .filter((all) => all.length > 0)
    .map(shortest);
  const translated = (key: string): Translated => ({
    source: bySource.get(key)![0]!.source,
    references: [...new Set(allBySource.get(key)!.map(({ target }) => target))],
  });
  return {
    train: train.slice(0, nTrain),
    test: held.slice(0, nTest).map(translated),
    choice: held.slice(nTest).map(translated),
    ...{ nFit: fit.length, nShared: rest.flat().filter(isShared).length },
  };
}

function isShort({ source, target }: SentencePair, { maxWords, maxChars }: SplitOptions): boolean {
  const nWord = sentenceKey(source).split(' ').length;
  return (
    nWord >= MIN_WORDS &&
    source.split(' ').length <= maxWords &&
    Math.max(source.length, target.length) <= maxChars
  );
}

function shortest(pairs: readonly SentencePair[]): SentencePair {
  return pairs.reduce((a, b) => (b.target.length < a.target.length ? b : a));
}
