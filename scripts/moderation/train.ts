/**
 * Makes the moderation classifier, the same bytes from the same files:
 * node scripts/moderation/train.ts labeled_data.csv fra.txt [assets/moderation/text-classifier.bin]
 * (github.com/t-davidson/hate-speech-and-offensive-language, MIT; manythings.org/anki, from Tatoeba, CC-BY 2.0).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { TextClassifier, writeClassifier } from '../../engine/text/text-classifier.ts';
import type { ClassifierHeader } from '../../engine/text/text-classifier.ts';
import { WEIGHTS_PATH } from '../build/moderation-weights.ts';
import { LABELS, neutral, readSentences, readTweets, split } from './examples.ts';
import type { Example, Split } from './examples.ts';
import { bucketsOf, fit, quantize } from './fit.ts';
import { identityTexts, TRAINED_DIALECT, TRAINED_FRAMES } from './neutral-texts.ts';

const ID = 'text-moderation-1';
const OPTIONS = { bucketBits: 18, nEpoch: 5, learningRate: 0.2, seed: 1 };
/** Fewer texts are hateful: more is made of what they have in common. Chosen on the validation part. */
const L2: Readonly<Record<(typeof LABELS)[number], number>> = { hate: 1e-3, offensive: 3e-4 };
/**
 * Thresholds are where F-beta is highest on the validation part. A false alarm for offence, which is found well,
 * counts more than a miss (F0.5).
 */
const BETA_SQUARED: Readonly<Record<(typeof LABELS)[number], number>> = {
  hate: 1,
  offensive: 0.25,
};
/** Sentences that are put together: texts of all lengths up to a window's. */
const MOST_SENTENCES = 6;
/** Ordinary texts beside 17,000 labelled ones. */
const N_ORDINARY = 30_000;
/** Times that the few dialect sentences are repeated. */
const DIALECT_WEIGHT = 8;

/** What the classifier learns from, chooses its thresholds on, and is measured with. */
export function trainingData(
  labels: string,
  sentences: string,
): { tweets: Split; ordinary: Split } {
  const { train, validation, test } = split(readSentences(sentences));
  return {
    tweets: split(readTweets(labels)),
    ordinary: {
      train: together(train).slice(0, N_ORDINARY),
      validation: together(validation),
      test: together(test),
    },
  };
}

/** One to six sentences in a text. */
function together(sentences: readonly Example[]): Example[] {
  const texts: Example[] = [];
  for (let i = 0, n = 1; i < sentences.length; i += n) {
    n = 1 + (texts.length % MOST_SENTENCES);
    texts.push(
      neutral(
        sentences
          .slice(i, i + n)
          .map(({ text }) => text)
          .join(' '),
      ),
    );
  }
  return texts;
}

export function trainClassifier({ tweets, ordinary }: ReturnType<typeof trainingData>): Uint8Array {
  const examples = [
    ...tweets.train,
    ...ordinary.train,
    ...identityTexts(TRAINED_FRAMES).map(({ text }) => neutral(text)),
    ...Array.from({ length: DIALECT_WEIGHT }, () => TRAINED_DIALECT.flat().map(neutral)).flat(),
  ];
  const texts = bucketsOf(examples, OPTIONS.bucketBits);
  const fitted = LABELS.map((name, label) => {
    const shares = examples.map((example) => example.shares[label]!);
    const { weights, bias } = fit(texts, shares, { ...OPTIONS, l2: L2[name] });
    return { name, bias, ...quantize(weights) };
  });
  const header = (thresholds: readonly number[]): ClassifierHeader => ({
    ...({ format: 'thimble-text-classifier', version: 1, id: ID } as const),
    bucketBits: OPTIONS.bucketBits,
    labels: fitted.map(({ name, bias, scale }, i) => ({
      ...{ name, bias, scale },
      threshold: thresholds[i]!,
    })),
  });
  const weights = fitted.map((label) => label.weights);
  const untuned = new TextClassifier(writeClassifier(header(LABELS.map(() => 0)), weights));
  const chosen = [...tweets.validation, ...ordinary.validation.slice(0, tweets.validation.length)];
  return writeClassifier(header(bestThresholds(untuned, chosen)), weights);
}

/** For each label, in hundredths. */
function bestThresholds(classifier: TextClassifier, examples: readonly Example[]): number[] {
  const scores = examples.map(({ text }) => classifier.score(text));
  return LABELS.map((name, label) => {
    const beta2 = BETA_SQUARED[name];
    let [best, bestF] = [0.5, 0];
    for (let threshold = 0.05; threshold < 1; threshold += 0.01) {
      let [nHit, nAlarm, nMiss] = [0, 0, 0];
      for (const [i, example] of examples.entries()) {
        const isFlagged = scores[i]![label]! >= threshold;
        if (isFlagged && example.labels[label]) nHit++;
        else if (isFlagged) nAlarm++;
        else if (example.labels[label]) nMiss++;
      }
      const weighted = (1 + beta2) * nHit;
      const f = weighted / (weighted + beta2 * nMiss + nAlarm);
      if (f > bestF) [best, bestF] = [Number(threshold.toFixed(2)), f];
    }
    return best;
  });
}

if (process.argv[1] === import.meta.filename) {
  const [labels, sentences, out = WEIGHTS_PATH] = process.argv.slice(2);
  if (labels === undefined || sentences === undefined)
    throw new Error('usage: train.ts labeled_data.csv fra.txt [OUT]');
  const file = trainClassifier(trainingData(labels, sentences));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, file);
  const { labels: rows } = new TextClassifier(file);
  const thresholds = rows.map(({ name, threshold }) => `${name} from ${threshold}`).join(', ');
  console.log(`${out}: ${file.length} bytes; ${thresholds}`);
}
