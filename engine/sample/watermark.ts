/**
 * A statistical watermark: tournament sampling (SynthID-Text, Nature 634, 818-823; two candidates a
 * match, not distorting for a single text). For each layer a keyed hash of the last tokens gives every
 * token a fair bit; the layer moves probability from tokens whose bit is 0 to those whose bit is 1:
 *
 *   p'(x) = p(x) * (1 + g(x) - sum over y of p(y) g(y))
 *
 * Averaged over keys each layer leaves p as it is. The draw after it still uses the seed, so choices of one
 * prompt differ. Only a context that is all of the completion, and that occurs there for the first
 * time, is marked: a detector sees the completion alone, and repeated bits would show as repetition.
 */
import type { Candidates } from './candidates.ts';
import type { Narrower, SamplerContext, SamplerRow } from './sampler.ts';
import { contextSeed, tokenBits, WATERMARK_CONTEXT, WATERMARK_LAYERS } from './watermark-hash.ts';
import type { ContextSeed, WatermarkKey } from './watermark-hash.ts';

/**
 * Nats below the likeliest beyond which tokens keep their probability: they are many, and a tournament
 * among the others alone is as fair.
 */
const MARKED_NATS = 12;

/** The contexts of a text that were there before, found as the text grows. */
export class SeenContexts {
  readonly #key: WatermarkKey;
  readonly #seen = new Set<string>();
  /** The first place whose context was not entered yet. */
  #next: number;

  /** @param start place in the text where what may be marked begins */
  constructor(key: WatermarkKey, start: number) {
    this.#key = key;
    this.#next = start + WATERMARK_CONTEXT;
  }

  /** Seed of the token at `place`; null when its context is too short, or occurred before. */
  seedAt(text: readonly number[], place: number): ContextSeed | null {
    for (; this.#next < place; this.#next++)
      this.#seen.add(nameOf(contextSeed(this.#key, text, this.#next)));
    if (place !== this.#next) return null;
    const seed = contextSeed(this.#key, text, place);
    return this.#seen.has(nameOf(seed)) ? null : seed;
  }
}

function nameOf([a, b]: ContextSeed): string {
  return `${a},${b}`;
}

class Watermark implements Narrower {
  readonly needsMass = true;
  readonly #key: WatermarkKey;
  #contexts: SeenContexts | null = null;
  /** Places of the candidates in the tournament, their bits, and their probabilities in it. */
  #places = new Int32Array(1024);
  #bits = new Int32Array(1024);
  #p = new Float64Array(1024);
  /** Logits of all candidates before the tournament; null when there was none. */
  #before: Float64Array | null = null;

  constructor(key: WatermarkKey) {
    this.#key = key;
  }

  narrow(candidates: Candidates, { text, nPrompt }: SamplerContext): void {
    this.#contexts ??= new SeenContexts(this.#key, nPrompt);
    const seed = this.#contexts.seedAt(text, text.length);
    this.#before = null;
    if (seed === null || candidates.n < 2) return;
    this.#before = candidates.logits.slice(0, candidates.n);
    const n = this.#enter(candidates, seed);
    let mass = 0;
    for (let i = 0; i < n; i++) mass += this.#p[i]!;
    for (let i = 0; i < n; i++) this.#p[i]! /= mass;
    for (let layer = 0; layer < WATERMARK_LAYERS; layer++) this.#play(layer, n);
    for (let i = 0; i < n; i++)
      candidates.move(this.#places[i]!, candidates.top + Math.log(this.#p[i]! * mass));
  }

  /** Mirostat learns from the model's probabilities, not from the tournament's. */
  logitBefore(place: number): number | null {
    return this.#before === null ? null : this.#before[place]!;
  }

  /** Notes the candidates of the tournament; their number. */
  #enter({ n, ids, logits, top }: Candidates, seed: ContextSeed): number {
    let best = -Infinity;
    for (let i = 0; i < n; i++) if (logits[i]! > best) best = logits[i]!;
    const floor = best - MARKED_NATS;
    let entered = 0;
    for (let i = 0; i < n; i++) {
      if (!(logits[i]! >= floor)) continue;
      if (entered === this.#places.length) this.#grow();
      this.#places[entered] = i;
      this.#bits[entered] = tokenBits(seed, ids[i]!);
      this.#p[entered++] = Math.exp(logits[i]! - top);
    }
    return entered;
  }

  #play(layer: number, n: number): void {
    const [p, bits] = [this.#p, this.#bits];
    let ones = 0;
    for (let i = 0; i < n; i++) if (((bits[i]! >>> layer) & 1) === 1) ones += p[i]!;
    for (let i = 0; i < n; i++) p[i]! *= 1 + ((bits[i]! >>> layer) & 1) - ones;
  }

  #grow(): void {
    const [places, bits, p] = [this.#places, this.#bits, this.#p];
    this.#places = new Int32Array(2 * places.length);
    this.#bits = new Int32Array(2 * places.length);
    this.#p = new Float64Array(2 * places.length);
    this.#places.set(places);
    this.#bits.set(bits);
    this.#p.set(p);
  }
}

export const WATERMARK: SamplerRow = {
  isActive: (p) => p.watermark !== null && p.temperature > 0,
  create: ({ watermark }) => new Watermark(watermark!),
};
