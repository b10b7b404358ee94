/**
 * The classifier's features beside the vectors of an embedding model, on the same texts, as far as embedding them goes:
 * node scripts/moderation/compare-embeddings.ts labeled_data.csv fra.txt all-minilm-l6-v2 [texts]
 */
import process from 'node:process';
import { uniformAt } from '../../engine/sample/random.ts';
import { unplaced } from '../../worker/serving/models/model-names.ts';
import { textIds } from '../../worker/serving/embedding/text-ids.ts';
import { loadLocalEncoder } from '../node-host/encoder.ts';
import { LABELS } from './examples.ts';
import type { Example } from './examples.ts';
import { bucketsOf, fit } from './fit.ts';
import { trainingData } from './train.ts';

const [labels = '', sentences = '', modelId = '', count = '4000'] = process.argv.slice(2);
const BUCKET_BITS = 18;
const N_TEXT = Number(count);
/** Texts of a call. */
const CALL_TEXTS = 32;
const [N_EPOCH, LEARNING_RATE, L2] = [30, 0.5, 1e-5];

const { tweets, ordinary } = trainingData(labels, sentences);
const train = [...tweets.train.slice(0, N_TEXT), ...ordinary.train.slice(0, N_TEXT)];
const half = Math.floor(N_TEXT / 4);
const validation = tweets.validation.slice(0, half);
const test = tweets.test.slice(0, half);

type Score = (i: number) => number;

/** F1 on the test part at the threshold that is best on the validation part. */
function f1(label: number, validationScore: Score, testScore: Score): number {
  const at = (examples: readonly Example[], score: Score, threshold: number) => {
    let [nHit, nWrong] = [0, 0];
    for (const [i, { labels: given }] of examples.entries()) {
      const isFlagged = score(i) >= threshold;
      if (isFlagged && given[label]) nHit++;
      else if (isFlagged !== given[label]) nWrong++;
    }
    return (2 * nHit) / (2 * nHit + nWrong);
  };
  let [best, bestF1] = [0, 0];
  for (let threshold = -6; threshold < 6; threshold += 0.05) {
    const found = at(validation, validationScore, threshold);
    if (found > bestF1) [best, bestF1] = [threshold, found];
  }
  return at(test, testScore, best);
}

function hashedF1(label: number): number {
  const [ofTrain, ofValidation, ofTest] = [train, validation, test].map((part) =>
    bucketsOf(part, BUCKET_BITS),
  );
  const targets = train.map(({ shares }) => shares[label]!);
  const options = { bucketBits: BUCKET_BITS, nEpoch: 5, learningRate: 0.2, l2: 1e-3, seed: 1 };
  const { weights, bias } = fit(ofTrain!, targets, options);
  const scoreOf = (texts: readonly Int32Array[]) => (i: number) => {
    const ids = texts[i]!;
    return bias + ids.reduce((sum, id) => sum + weights[id]!, 0) / Math.sqrt(ids.length || 1);
  };
  return f1(label, scoreOf(ofValidation!), scoreOf(ofTest!));
}

/** Logistic regression over vectors, AdaGrad. */
function fitDense(vectors: readonly Float32Array[], targets: readonly number[]) {
  const n = vectors[0]!.length;
  const weights = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1).fill(1e-6);
  const score = (x: Float32Array) =>
    x.reduce((sum, value, k) => sum + value * weights[k]!, weights[n]!);
  const order = vectors.map((_, i) => i);
  for (let epoch = 0; epoch < N_EPOCH; epoch++) {
    order.sort((a, b) => uniformAt(epoch, a) - uniformAt(epoch, b));
    for (const i of order) {
      const x = vectors[i]!;
      const error = 1 / (1 + Math.exp(-score(x))) - targets[i]!;
      for (let k = 0; k <= n; k++) {
        const gradient = error * (k < n ? x[k]! : 1) + L2 * weights[k]!;
        squares[k]! += gradient * gradient;
        weights[k]! -= (LEARNING_RATE * gradient) / Math.sqrt(squares[k]!);
      }
    }
  }
  return score;
}

const { engine, manifest, tokenizer } = await loadLocalEncoder(modelId);
const model = {
  ...{ id: manifest.id, version: 'local', manifest, tokenizer },
  named: unplaced(manifest.id),
};

async function embed(examples: readonly Example[]): Promise<Float32Array[]> {
  const ids = await textIds(
    model,
    examples.map(({ text }) => text),
    { truncate: true, nameOf: (i) => `text ${i}` },
  );
  const vectors: Float32Array[] = [];
  for (let i = 0; i < ids.length; i += CALL_TEXTS)
    vectors.push(...(await engine.embed(ids.slice(i, i + CALL_TEXTS))));
  return vectors;
}

const startedAt = performance.now();
const vectors = await embed(train);
const [ofValidation, ofTest] = [await embed(validation), await embed(test)];
const nText = vectors.length + ofValidation.length + ofTest.length;
const ms = ((performance.now() - startedAt) / nText).toFixed(1);
console.log(`${modelId}: ${nText} texts, ${ms} ms each`);
for (const [label, name] of LABELS.entries()) {
  const score = fitDense(
    vectors,
    train.map(({ shares }) => shares[label]!),
  );
  const dense = f1(
    label,
    (i) => score(ofValidation[i]!),
    (i) => score(ofTest[i]!),
  );
  console.log(`${name}: F1 ${hashedF1(label).toFixed(3)} hashed, ${dense.toFixed(3)} vectors`);
}
