/**
 * What a model scores that never looks: for each question the answer that was most frequent in training, for its type
 * or for its very words. A model that sees has to do better.
 */

export interface Asked {
  readonly question: string;
  readonly answer: string;
  readonly type: string;
}

export interface Unbound {
  readonly nQuestion: number;
  /** Right by the majority of the question's type. */
  readonly nByType: number;
  /** Right by the majority of the question's words; of its type where they are new. */
  readonly nByWords: number;
}

/** Counts answers of training; then says what they are worth. */
export class UnboundBaseline {
  readonly #byType = new AnswerCounts();
  readonly #byWords = new AnswerCounts();

  learn({ question, answer, type }: Asked): void {
    this.#byType.add(type, answer);
    this.#byWords.add(question, answer);
  }

  /** The answer to a question of which only the words are known; null for a type that was never asked. */
  answer({ question, type }: Omit<Asked, 'answer'>): {
    readonly byType: string | null;
    readonly byWords: string | null;
  } {
    const byType = this.#byType.majority(type);
    return { byType, byWords: this.#byWords.majority(question) ?? byType };
  }

  score(questions: Iterable<Asked>): Unbound {
    let [nQuestion, nByType, nByWords] = [0, 0, 0];
    for (const asked of questions) {
      const { byType, byWords } = this.answer(asked);
      nQuestion++;
      if (byType === asked.answer) nByType++;
      if (byWords === asked.answer) nByWords++;
    }
    return { nQuestion, nByType, nByWords };
  }
}

class AnswerCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  add(key: string, answer: string): void {
    const counts = this.#counts.get(key) ?? new Map<string, number>();
    this.#counts.set(key, counts);
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }

  /** Of equally frequent ones the first by letters. */
  majority(key: string): string | null {
    const counts = [...(this.#counts.get(key) ?? [])];
    counts.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    return counts[0]?.[0] ?? null;
  }
}
