/** How much of what was never learned from is answered right, word for word, beside what the words of a question give away. */
import type { Training } from '../training.ts';
import type { Answer, Example } from './example.ts';
import { type Packed, packExamples } from './pack.ts';
import type { Source } from './sources/source.ts';

export interface Score {
  readonly source: string;
  readonly kind: string;
  readonly right: number;
  readonly asked: number;
  /** What the most frequent answer to the question's words, or to its kind, would get: a part from 0 to 1. */
  readonly unbound: number | null;
}

export interface Evaluation {
  readonly scores: readonly Score[];
  /** Mean loss of a learned token, of each source. */
  readonly losses: ReadonlyMap<string, number>;
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
  const losses = new Map<string, number>();
  for (const source of sources) {
    const passes = [...passesOf(source.heldOut(n), nRow)];
    losses.set(source.name, training.evaluate(passes.map(({ batch }) => batch)));
    const counts = new Map<string, { right: number; asked: number }>();
    for (const { answer, isRight } of passes.flatMap((pass) => answersOf(training, pass))) {
      const count = counts.get(answer.kind) ?? { right: 0, asked: 0 };
      counts.set(answer.kind, count);
      count.asked++;
      if (isRight) count.right++;
    }
    for (const [kind, count] of counts)
      scores.push({
        ...{ source: source.name, kind, ...count },
        unbound: source.unbound.get(kind) ?? null,
      });
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
