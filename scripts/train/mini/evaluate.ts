/** How much of what was never learned from is answered right, word for word, beside what the words of a question give away. */
import type { Training } from '../training.ts';
import type { Answer, Example } from './example.ts';
import { type Packed, packExamples } from './pack.ts';
import { type Score, ScoreCounter } from './scores.ts';
import type { Source } from './sources/source.ts';

export interface Evaluation {
  readonly scores: readonly Score[];
  /** Mean loss of a learned token, of each source. */
  readonly losses: Readonly<Record<string, number>>;
}

/** An answer with what was said instead. */
export interface Said {
  readonly example: Example;
  readonly answer: Answer;
  readonly isRight: boolean;
  /** Likeliest tokens where the right ones come before them. */
  readonly ids: readonly number[];
}

/** @param n examples of each source */
export function evaluate(
  training: Training,
  sources: readonly Source[],
  n: number,
  nRow: number,
): Evaluation {
  const scores: Score[] = [];
  const losses: Record<string, number> = {};
  for (const source of sources) {
    const passes = [...passesOf(source.heldOut(n), nRow)];
    losses[source.name] = training.evaluate(passes.map(({ batch }) => batch));
    const counter = new ScoreCounter(source);
    for (const { answer, isRight } of passes.flatMap((pass) => answersOf(training, pass)))
      counter.add(answer, isRight);
    scores.push(...counter.scores());
  }
  return { scores, losses };
}

export function passesOf(
  examples: readonly Example[],
  nRow: number,
): Generator<Packed, void, void> {
  let i = 0;
  return packExamples(() => examples[i++] ?? null, nRow);
}

/** An answer is right if every token of it is the likeliest: what greedy generation would say, to its end. */
export function answersOf(training: Training, { batch, entries }: Packed): Said[] {
  if (entries.every(({ example }) => example.answers.length === 0)) return [];
  const likeliest = training.predict(batch);
  return entries.flatMap(({ example, firstRow }) =>
    example.answers.map((answer) => {
      const rows = [firstRow + answer.from, firstRow + answer.to] as const;
      const ids = [...likeliest.subarray(...rows)];
      const isRight = ids.every((id, i) => id === batch.targets[rows[0] + i]);
      return { example, answer, isRight, ids };
    }),
  );
}
