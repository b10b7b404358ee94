/**
 * Texts by the classes of a model: of a served one with classes of its own, or of the classifier of offensive texts
 * that every deployment has.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { familyByName } from '../../../engine/archs/index.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import type { ServingEnv } from '../env.ts';
import { classScores } from '../embedding/embed.ts';
import type { EncoderModel } from '../embedding/find-encoder.ts';
import { textIds } from '../embedding/text-ids.ts';
import type { EncoderInput } from '../embedding/text-ids.ts';
import { findAnyModel } from '../models/model-store.ts';
import { judgeText, textClassifier } from '../policy/text-judge.ts';

/** All texts of a request that the classifier of offensive texts reads: less than a tenth of a second. */
const MAX_JUDGED_CHARS = 100_000;

export interface ClassifyRequest {
  /** Id of the model; the classifier of offensive texts when it is undefined. */
  readonly model: string | undefined;
  readonly inputs: readonly EncoderInput[];
  readonly nameOf: (index: number) => string;
  readonly client: Client;
}

export interface Classified {
  /** The likeliest class; null where no class of several that a text may have or not is likely. */
  readonly label: string | null;
  /** A probability for each class, in the model's order of classes. */
  readonly probs: readonly number[];
}

export interface ClassifiedTexts {
  readonly modelId: string;
  readonly texts: readonly Classified[];
  /** Tokens of all that was read; 0 for a model that reads words. */
  readonly nToken: number;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_REQUEST_INVALID, E_PROMPT_TOO_LONG; errors of the stage */
export async function classifyTexts(
  env: ServingEnv,
  caller: Caller,
  request: ClassifyRequest,
): Promise<ClassifiedTexts> {
  const { model: named } = request;
  if (named === undefined || named === textClassifier().id) return await judgeTexts(request);
  const model = await findAnyModel(env.MODELS, named, caller);
  const { manifest } = model;
  const labels = manifest.kind === 'encoder' ? manifest.config.labels : undefined;
  if (labels === undefined) throw withoutLabels(model.id);
  return await classifyWith(env, caller, model as unknown as EncoderModel, labels, request);
}

/** Several may be true of a text, or none: its label is the likeliest of those that reach their threshold. */
async function judgeTexts({ inputs, nameOf }: ClassifyRequest): Promise<ClassifiedTexts> {
  const modelId = textClassifier().id;
  const read = inputs.map((input, index) => {
    if (typeof input === 'string') return input;
    throw invalidField(nameOf(index), `expected a text; ${modelId} reads words and no token ids`);
  });
  const nChar = read.reduce((sum, text) => sum + text.length, 0);
  if (nChar > MAX_JUDGED_CHARS)
    throw invalidField(
      'input',
      `expected at most ${MAX_JUDGED_CHARS} characters in a request to ${modelId}, got ${nChar}; send several requests`,
    );
  const texts: Classified[] = [];
  for (const text of read) {
    const verdicts = [...(await judgeText(text))];
    const likely = verdicts.filter(([, { score, threshold }]) => score >= threshold);
    const [best] = likely.toSorted(([, a], [, b]) => b.score - a.score);
    texts.push({ label: best?.[0] ?? null, probs: verdicts.map(([, { score }]) => score) });
  }
  return { modelId, texts, nToken: 0 };
}

async function classifyWith(
  env: ServingEnv,
  caller: Caller,
  model: EncoderModel,
  labels: readonly string[],
  { inputs, nameOf, client }: ClassifyRequest,
): Promise<ClassifiedTexts> {
  const ids = await textIds(model, inputs, { truncate: false, nameOf });
  const scores = await classScores(env, caller, model, ids, client);
  const isLogit = familyByName('encoder', model.manifest.architecture).score === 'logit';
  const texts = scores.map((classes): Classified => {
    const probs = isLogit ? probabilities(classes) : [...classes];
    return { label: labels[probs.indexOf(Math.max(...probs))]!, probs };
  });
  return { modelId: model.id, texts, nToken: ids.reduce((sum, { length }) => sum + length, 0) };
}

/** Of one class, whether it is true; of several, which one is. */
export function probabilities(logits: ArrayLike<number>): number[] {
  const list = Array.from(logits);
  if (list.length === 1) return list.map((logit) => 1 / (1 + Math.exp(-logit)));
  const top = Math.max(...list);
  const powers = list.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function withoutLabels(modelId: string): EngineError {
  const own = textClassifier().id;
  return new EngineError(
    'E_MODEL_KIND',
    `model: ${modelId} has no classes with names; expected ${own}, or a model imported from files that name its ` +
      'classes (id2label, classifier.output_labels). For labels of your own: POST /v1/tasks/classify.',
    { param: 'model', details: { model: modelId, expected: own } },
  );
}
