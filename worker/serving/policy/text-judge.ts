/** The classifier of texts that is part of the gateway script: the bundle alone can import its weights. */
import { EngineError } from '../../../engine/base/errors.ts';
import { TextClassifier } from '../../../engine/text/text-classifier.ts';

/** Characters judged in a turn of the event loop: a few milliseconds. */
const SLICE_CHARS = 16_000;

let file: ArrayBuffer | null = null;
let classifier: TextClassifier | null = null;

/** Called once by the script's entry. */
export function provideClassifier(weights: ArrayBuffer | null): void {
  file = weights;
  classifier = null;
}

/** @throws {EngineError} E_POLICY_UNAVAILABLE where there are no weights, or unreadable ones */
export function textClassifier(): TextClassifier {
  if (classifier !== null) return classifier;
  if (file === null) throw unavailable('this script has no text classifier');
  try {
    classifier = new TextClassifier(new Uint8Array(file));
  } catch (cause) {
    throw unavailable('the text classifier cannot be read', cause);
  }
  return classifier;
}

/** Of a category: score of the worst part of a text, and the score from which it is flagged by default. */
export interface Verdict {
  readonly score: number;
  readonly threshold: number;
}
export type Verdicts = ReadonlyMap<string, Verdict>;

/** @throws {EngineError} E_POLICY_UNAVAILABLE */
export async function judgeText(text: string): Promise<Verdicts> {
  const { labels } = textClassifier();
  const best = labels.map(() => 0);
  for (let start = 0; start === 0 || start < text.length; start += SLICE_CHARS) {
    if (start > 0) await new Promise((resolve) => setTimeout(resolve));
    const scores = textClassifier().score(text.slice(start, start + SLICE_CHARS));
    for (const [i, score] of scores.entries()) best[i] = Math.max(best[i]!, score);
  }
  return new Map(
    labels.map(({ name, threshold }, i) => [name, { score: best[i]!, threshold }] as const),
  );
}

/** Nobody was judged: told apart from a verdict. */
export function unavailable(what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_POLICY_UNAVAILABLE',
    `policy: ${what}, so nothing was judged; try again later.`,
    cause === undefined ? {} : { cause },
  );
}
