/**
 * Tokens that may still be drawn, with their logits: what samplers narrow and reshape. The
 * arrays are reused from token to token; the order of candidates is not defined.
 */

/** Logits that can be changed: a whole row, or those of candidates. */
export interface Adjustable {
  /** Changes the logit of `token`, if it is there. */
  change(token: number, to: (logit: number) => number): void;
}

/**
 * Tokens this many nats (after temperature) below the best are negligible: all of them together
 * weigh less than nVocab * e^-30, about 1e-8 for the largest vocabularies.
 */
export const NEGLIGIBLE_NATS = 30;
const FIRST_CAPACITY = 1024;

export class Candidates implements Adjustable {
  /** Number of candidates. */
  n = 0;
  /** Token ids and logits of the first `n` places. */
  ids = new Int32Array(FIRST_CAPACITY);
  logits = new Float64Array(FIRST_CAPACITY);
  /** Largest logit when they were loaded; a reference point that keeps exponentials in range. */
  top = 0;
  /** Nats below `top` down to which tokens were loaded. */
  depth = 0;
  /** Sum of e^(logit - top) of all that are left, loaded or not; null when it must be summed. */
  #mass: number | null = null;

  /**
   * Loads the tokens at most `depth` nats below the likeliest, in order of ids; never one whose logit is
   * NaN or masked.
   * @param top the largest of the logits
   * @param mass sum of e^(logit - top) of all logits, if it is known
   */
  load(logits: Float32Array, top: number, depth: number, mass: number | null): void {
    this.n = 0;
    this.top = top;
    this.depth = depth;
    const floor = Math.max(top - depth, -Number.MAX_VALUE);
    for (let token = 0; token < logits.length; token++) {
      const x = logits[token]!;
      if (x >= floor) this.#push(token, x);
    }
    this.#mass = mass;
    // In a row without numbers the first token is as good as any.
    if (this.n > 0) return;
    this.top = 0;
    this.#push(0, 0);
  }

  /** Sum of e^(logit - top) of those that are loaded. */
  loadedMass(): number {
    let sum = 0;
    for (let i = 0; i < this.n; i++) sum += Math.exp(this.logits[i]! - this.top);
    return sum;
  }

  /** Probability of candidate `i` among all that are left is e^(logit - top) / mass. */
  mass(): number {
    return (this.#mass ??= this.loadedMass());
  }

  /** Keeps candidates for which `keeps(i)` is true; the likeliest if there is none. */
  filter(keeps: (i: number) => boolean): void {
    const { ids, logits } = this;
    const likeliest = this.likeliest();
    const [bestId, bestLogit] = [ids[likeliest]!, logits[likeliest]!];
    let kept = 0;
    for (let i = 0; i < this.n; i++) {
      if (!keeps(i)) continue;
      ids[kept] = ids[i]!;
      logits[kept++] = logits[i]!;
    }
    if (kept === 0 && this.n > 0) {
      ids[0] = bestId;
      logits[kept++] = bestLogit;
    }
    this.n = kept;
    this.#mass = null;
  }

  /** Keeps the first `n` after sorting: the likeliest, ties by id. */
  keepFirst(n: number): void {
    this.n = Math.max(1, Math.min(n, this.n));
    this.#mass = null;
  }

  /** Puts the likeliest first, ties by id. */
  sort(): void {
    const { ids, logits, n } = this;
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    order.sort((a, b) => logits[b]! - logits[a]! || ids[a]! - ids[b]!);
    const [oldIds, oldLogits] = [ids.slice(0, n), logits.slice(0, n)];
    for (let i = 0; i < n; i++) {
      ids[i] = oldIds[order[i]!]!;
      logits[i] = oldLogits[order[i]!]!;
    }
  }

  /** Place of the likeliest; the first of tied ones. */
  likeliest(): number {
    let best = 0;
    for (let i = 1; i < this.n; i++) if (this.logits[i]! > this.logits[best]!) best = i;
    return best;
  }

  /** Makes candidate `i` impossible. */
  exclude(i: number): void {
    this.logits[i] = -Infinity;
    this.#mass = null;
  }

  /** Sets the logit of candidate `i`; the caller sees to it that the mass of all stays as it is. */
  move(i: number, logit: number): void {
    this.logits[i] = logit;
  }

  /** Divides all logits. */
  scale(divisor: number): void {
    // Differences to the top are divided: logits over a tiny temperature would leave their range.
    const top = this.n > 0 ? this.logits[this.likeliest()]! : 0;
    for (let i = 0; i < this.n; i++) this.logits[i] = (this.logits[i]! - top) / divisor;
    this.top = 0;
    this.#mass = null;
  }

  change(token: number, to: (logit: number) => number): void {
    const i = this.ids.subarray(0, this.n).indexOf(token);
    if (i < 0) return;
    this.logits[i] = to(this.logits[i]!);
    this.top = Math.max(this.top, this.logits[i]);
    this.#mass = null;
  }

  /** Place of the candidate that the number `u` in [0, 1) falls on. */
  draw(u: number): number {
    const goal = u * this.mass();
    let sum = 0;
    for (let i = 0; i < this.n; i++) {
      sum += Math.exp(this.logits[i]! - this.top);
      if (goal < sum) return i;
    }
    // Rounding left a sliver of probability unassigned.
    return this.likeliest();
  }

  #push(token: number, logit: number): void {
    if (this.n === this.ids.length) {
      const [ids, logits] = [this.ids, this.logits];
      this.ids = new Int32Array(2 * this.n);
      this.logits = new Float64Array(2 * this.n);
      this.ids.set(ids);
      this.logits.set(logits);
    }
    this.ids[this.n] = token;
    this.logits[this.n++] = logit;
  }
}

/** A row of logits of the whole vocabulary. */
export class WholeRow implements Adjustable {
  readonly logits: Float32Array;

  constructor(logits: Float32Array) {
    this.logits = logits;
  }

  change(token: number, to: (logit: number) => number): void {
    const x = this.logits[token];
    if (x !== undefined) this.logits[token] = to(x);
  }
}

/** The largest logit; -Infinity when none is a number. */
export function largestOf(logits: Float32Array): number {
  let top = -Infinity;
  for (const x of logits) if (x > top) top = x;
  return top;
}

const STEPS_PER_NAT = 128;
let powers: Float64Array | undefined;

/**
 * Sum of e^(logit - top): a table, and a cubic between its steps (error 2e-10), which takes a third of
 * the time of Math.exp.
 */
export function sumExp(logits: Float32Array, top: number): number {
  powers ??= Float64Array.from({ length: NEGLIGIBLE_NATS * STEPS_PER_NAT + 1 }, (_, i) =>
    Math.exp(-i / STEPS_PER_NAT),
  );
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const below = top - logits[i]!;
    if (!(below < NEGLIGIBLE_NATS)) continue;
    const step = (below * STEPS_PER_NAT) | 0;
    const r = step / STEPS_PER_NAT - below;
    sum += powers[step]! * (1 + r * (1 + r * (1 / 2 + r / 6)));
  }
  return sum;
}
