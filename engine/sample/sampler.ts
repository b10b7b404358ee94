/**
 * From logits to a token. Each step of the chain is a row that narrows or reshapes the candidates.
 * Order: penalties, temperature, top-k, top-p, min-p, draw (as llama.cpp's default chain).
 */
import type { SamplingParams } from '../generate/types.ts';
import { uniformAt } from './random.ts';

export interface Candidate {
  token: number;
  /** Logit divided by the temperature. */
  logit: number;
  /** Probability among the candidates that are left. */
  p: number;
}

/**
 * Candidates more than this many nats (after temperature) below the best are dropped unseen: all of
 * them together weigh less than nVocab * e^-30, about 1e-8 for the largest vocabularies.
 */
const NEGLIGIBLE_NATS = 30;

/** Tokens of the text so far, as penalties count them. */
export interface TokenHistory {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

/** Does any penalty change logits? */
export function hasPenalties(p: SamplingParams): boolean {
  return p.repetitionPenalty !== 1 || p.frequencyPenalty !== 0 || p.presencePenalty !== 0;
}

/**
 * Applies penalties to `logits` in place: repetition (CTRL, arXiv 1909.05858) over prompt and
 * completion, frequency and presence (OpenAI) over the completion.
 */
export function applyPenalties(
  logits: Float32Array,
  p: SamplingParams,
  history: TokenHistory,
): void {
  if (p.repetitionPenalty !== 1) {
    for (const token of new Set([...history.prompt, ...history.completion])) {
      const x = logits[token];
      if (x !== undefined)
        logits[token] = x > 0 ? x / p.repetitionPenalty : x * p.repetitionPenalty;
    }
  }
  if (p.frequencyPenalty === 0 && p.presencePenalty === 0) return;
  const counts = new Map<number, number>();
  for (const token of history.completion) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const [token, count] of counts) {
    const x = logits[token];
    if (x !== undefined) logits[token] = x - count * p.frequencyPenalty - p.presencePenalty;
  }
}

type Narrow = (candidates: Candidate[], p: SamplingParams) => Candidate[];

/** Candidates come sorted, most likely first, with probabilities set. */
const NARROWERS: readonly { applies: (p: SamplingParams) => boolean; run: Narrow }[] = [
  { applies: (p) => p.topK > 0, run: (c, p) => c.slice(0, p.topK) },
  { applies: (p) => p.topP < 1, run: (c, p) => c.slice(0, nucleusLength(c, p.topP)) },
  {
    applies: (p) => p.minP > 0,
    run: (c, p) => c.filter((x) => x.logit >= c[0]!.logit + Math.log(p.minP)),
  },
];

/** Draws a token for `step` (the number of tokens generated before it). Temperature must be > 0. */
export function sampleToken(logits: Float32Array, p: SamplingParams, step: number): number {
  let candidates = likelyCandidates(logits, p.temperature);
  const active = NARROWERS.filter(({ applies }) => applies(p));
  if (active.length > 0) candidates.sort((a, b) => b.logit - a.logit || a.token - b.token);
  normalize(candidates);
  for (const { run } of active) {
    candidates = run(candidates, p);
    normalize(candidates);
  }
  return draw(candidates, uniformAt(p.seed, step));
}

function likelyCandidates(logits: Float32Array, temperature: number): Candidate[] {
  let top = -Infinity;
  for (const x of logits) if (x > top) top = x;
  const floor = top - NEGLIGIBLE_NATS * temperature;
  const candidates: Candidate[] = [];
  for (let token = 0; token < logits.length; token++) {
    const x = logits[token]!;
    if (x >= floor) candidates.push({ token, logit: (x - top) / temperature, p: 0 });
  }
  return candidates;
}

function normalize(candidates: Candidate[]): void {
  let sum = 0;
  for (const c of candidates) sum += c.p = Math.exp(c.logit);
  for (const c of candidates) c.p /= sum;
}

/** Fewest leading candidates whose probabilities reach topP; at least one. */
function nucleusLength(candidates: readonly Candidate[], topP: number): number {
  let sum = 0;
  for (const [i, c] of candidates.entries()) {
    sum += c.p;
    if (sum >= topP) return i + 1;
  }
  return candidates.length;
}

function draw(candidates: readonly Candidate[], u: number): number {
  let sum = 0;
  for (const c of candidates) {
    sum += c.p;
    if (u < sum) return c.token;
  }
  return candidates.at(-1)!.token;
}

/** The `n` most likely ids of `logits`, most likely first; ties by id. */
export function topTokens(logits: Float32Array, n: number): number[] {
  const best: number[] = [];
  if (n === 0) return best;
  let worst = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const x = logits[token]!;
    if (best.length === n && x <= worst) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < x) at--;
    best.splice(at, 0, token);
    if (best.length > n) best.pop();
    worst = logits[best.at(-1)]!;
  }
  return best;
}
