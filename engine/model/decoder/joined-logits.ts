/** Logits of a row whose vocabulary lies in several stages, put together when somebody asks for them. */
import { EngineError } from '../../base/errors.ts';
import type { HeadRow, StageLink } from './stage.ts';

/** Logits of one row, put together from what the stages answered. */
interface JoinedRow {
  readonly parts: readonly HeadRow[];
  readonly top: HeadRow;
}

export class JoinedLogits {
  /** Those that hold rows of the vocabulary, in ascending order. */
  readonly #stages: readonly StageLink[];
  /** The row that is being shown. */
  #row: JoinedRow | null = null;
  /** Its logits once somebody has asked for them; one buffer for all rows. */
  readonly #logits: Float32Array;
  #hasLogits = false;

  constructor(nVocab: number, stages: readonly StageLink[]) {
    this.#logits = new Float32Array(nVocab);
    this.#stages = stages;
  }

  show(parts: readonly HeadRow[]): void {
    this.#row = { parts, top: likeliest(parts) };
    this.#hasLogits = false;
  }

  hide(): void {
    this.#row = null;
  }

  logits(): Float32Array {
    const { parts } = this.#shown();
    if (this.#hasLogits) return this.#logits;
    for (const [i, { piece }] of this.#stages.entries()) {
      const values = parts[i]!.logits;
      if (values === null)
        throw new EngineError('E_INTERNAL', 'ring: only the largest logit was asked for');
      this.#logits.set(values, piece.rows[0]);
    }
    this.#hasLogits = true;
    return this.#logits;
  }

  argmax(): number {
    return this.#shown().top.id;
  }

  sumExp(top: number): number {
    return this.#shown().parts.reduce(
      (sum, part) => sum + part.sumExp * Math.exp(part.logit - top),
      0,
    );
  }

  #shown(): JoinedRow {
    if (this.#row !== null) return this.#row;
    throw new EngineError('E_INTERNAL', 'ring: logits can be read only while they are shown');
  }
}

/** The first of equal ones, as in one memory: stages are in ascending order of their rows. */
export function likeliest(parts: readonly HeadRow[]): HeadRow {
  return parts.reduce((best, part) => (part.logit > best.logit ? part : best));
}
