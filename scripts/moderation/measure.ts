/**
 * The numbers of docs/moderation.md, on texts that the classifier was not trained on:
 * node scripts/moderation/measure.ts labeled_data.csv fra.txt stories.txt crows_pairs.csv refined_ngram_dict.csv profanity.txt
 * The last two are the word lists it is compared with: of the labels' own repository, and any list of one word a line
 * (profanity_wordlist.txt of better-profanity).
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { TextClassifier } from '../../engine/text/text-classifier.ts';
import { wordsOf } from '../../engine/text/hashed-features.ts';
import { WEIGHTS_PATH } from '../build/moderation-weights.ts';
import { formatEstimate, meanOf, share } from '../eval/intervals.ts';
import { LABELS, parseCsv, readParagraphs } from './examples.ts';
import type { Example } from './examples.ts';
import { identityTexts, MEASURED_DIALECT, MEASURED_FRAMES } from './neutral-texts.ts';
import { trainingData } from './train.ts';

type Judge = (text: string) => readonly boolean[];

const [
  labelsPath = '',
  sentencesPath = '',
  storiesPath = '',
  crowsPath = '',
  ngramsPath = '',
  profanityPath = '',
] = process.argv.slice(2);
const classifier = new TextClassifier(readFileSync(WEIGHTS_PATH));
const { tweets, ordinary } = trainingData(labelsPath, sentencesPath);

const judges: Readonly<Record<string, Judge>> = {
  classifier: judge,
  'word list': byWordList(),
  majority: majorityOf(tweets.train),
};

function judge(text: string): boolean[] {
  const scores = classifier.score(text);
  return classifier.labels.map(({ threshold }, i) => scores[i]! >= threshold);
}

/** Hate by the labels' own n-grams, offensive by a list of profanities or those. */
function byWordList(): Judge {
  const lines = (path: string) =>
    readFileSync(path, 'utf8')
      .split(/[\r\n]+/)
      .filter(Boolean);
  const grams = lines(ngramsPath)
    .slice(1)
    .map((line) => ` ${wordsOf(line.replace(/,[\d.]+$/, '')).join(' ')} `);
  const profanities = lines(profanityPath).map((line) => ` ${wordsOf(line).join(' ')} `);
  return (text) => {
    const words = ` ${wordsOf(text).join(' ')} `;
    const isHate = grams.some((gram) => words.includes(gram));
    return [isHate, isHate || profanities.some((word) => words.includes(word))];
  };
}

function majorityOf(examples: readonly Example[]): Judge {
  const answer = LABELS.map(
    (_, label) => 2 * examples.filter(({ labels }) => labels[label]).length > examples.length,
  );
  return () => answer;
}

function report(title: string, examples: readonly Example[]): void {
  console.log(`\n${title}: ${examples.length} texts`);
  for (const [name, judgeText] of Object.entries(judges)) {
    const judged = examples.map(({ text }) => judgeText(text));
    for (const [label, labelName] of LABELS.entries()) {
      const count = (isFlagged: boolean, isLabelled: boolean) =>
        examples.filter(
          ({ labels }, i) => judged[i]![label] === isFlagged && labels[label] === isLabelled,
        ).length;
      const [tp, fp] = [count(true, true), count(true, false)];
      const [fn, tn] = [count(false, true), count(false, false)];
      const f1 = (2 * tp) / (2 * tp + fp + fn);
      console.log(
        `| ${labelName} | ${name} | ${formatEstimate(share(tp, tp + fp))} | ${formatEstimate(share(tp, tp + fn))} | ` +
          `${f1.toFixed(3)} | ${formatEstimate(share(tp + tn, examples.length))} |`,
      );
    }
  }
}

/** Share of harmless texts that are flagged. */
function alarms(title: string, texts: readonly string[]): void {
  const judged = texts.map(judge);
  const shares = LABELS.map((name, label) => {
    const estimate = share(judged.filter((labels) => labels[label]).length, texts.length);
    return `${name} ${formatEstimate(estimate, 4)}`;
  });
  console.log(`| ${title} | ${texts.length} | ${shares.join(' | ')} |`);
}

report('held-out tweets', tweets.test);
report('held-out tweets and as many ordinary texts', [
  ...tweets.test,
  ...ordinary.test.slice(0, tweets.test.length),
]);

console.log('\nharmless texts that are flagged');
alarms(
  'Tatoeba, one to six sentences',
  ordinary.test.map(({ text }) => text),
);
alarms(
  'TinyStories, whole',
  readParagraphs(storiesPath)
    .slice(0, 2000)
    .map(({ text }) => text),
);
const frames = identityTexts(MEASURED_FRAMES);
for (const [group, rows] of Map.groupBy(frames, (row) => row.group))
  alarms(
    `identity terms: ${group}`,
    rows.map(({ text }) => text),
  );
alarms(
  'dialect',
  MEASURED_DIALECT.map(([dialect]) => dialect),
);
alarms(
  'the same in standard English',
  MEASURED_DIALECT.map(([, standard]) => standard),
);
const difference = LABELS.map((name, label) => {
  const differences = MEASURED_DIALECT.map(
    ([dialect, standard]) => classifier.score(dialect)[label]! - classifier.score(standard)[label]!,
  );
  return `${name} ${formatEstimate(meanOf(differences))}`;
});
console.log(`score of dialect minus standard: ${difference.join(', ')}`);

console.log('\nCrowS-Pairs: the sentence about the disadvantaged group minus the other');
const [, ...pairs] = parseCsv(readFileSync(crowsPath, 'utf8'));
for (const [kind, rows] of Map.groupBy(pairs, (row) => row[4] ?? '')) {
  const scores = rows.map(([, more = '', less = '', direction]) => {
    const [disadvantaged, other] = direction === 'stereo' ? [more, less] : [less, more];
    return [classifier.score(disadvantaged), classifier.score(other)] as const;
  });
  const columns = LABELS.map((name, label) => {
    const differences = scores.map(([a, b]) => a[label]! - b[label]!);
    return `${name} ${formatEstimate(meanOf(differences))}`;
  });
  console.log(`| ${kind} | ${rows.length} | ${columns.join(' | ')} |`);
}
