/** The kit's classifier of texts, over rows. */
import { readFile } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import { TextClassifier } from '../../engine/text/text-classifier.ts';
import { WEIGHTS_PATH } from '../build/moderation-weights.ts';

/** Characters read of a text: the rest of a longer one is not judged. */
const MAX_JUDGED_CHARS = 32_000;

/** @throws {EngineError} E_POLICY_UNAVAILABLE where the weights are missing */
export async function loadClassifier(): Promise<TextClassifier> {
  const bytes = await readFile(WEIGHTS_PATH).catch((cause: unknown) => {
    throw new EngineError(
      'E_POLICY_UNAVAILABLE',
      `data: the classifier of texts is missing at ${WEIGHTS_PATH}. Reinstall the package.`,
      { cause },
    );
  });
  return new TextClassifier(new Uint8Array(bytes));
}

/** Labels whose score reaches their threshold. */
export function flagsOf(classifier: TextClassifier, text: string): string[] {
  const scores = classifier.score(text.slice(0, MAX_JUDGED_CHARS));
  return classifier.labels.flatMap(({ name, threshold }, i) =>
    scores[i]! >= threshold ? [name] : [],
  );
}

/** The highest score of any label. */
export function worstScore(classifier: TextClassifier, text: string): number {
  return Math.max(...classifier.score(text.slice(0, MAX_JUDGED_CHARS)));
}
