/**
 * From logits to a token: the samplers of one generation, resolved once, run one after the other, and
 * a draw at the end whose random number belongs to the position.
 */
import type { SamplingParams } from './params.ts';
import { Candidates, largestOf, NEGLIGIBLE_NATS, sumExp, WholeRow } from './candidates.ts';
import { STREAMS, uniformAt } from './random.ts';
import { isAdjuster } from './sampler.ts';
import type { Adjuster, Sampler, SamplerContext } from './sampler.ts';
import { activeSamplers } from './samplers.ts';

/** How deep the first sampler looks at first, in nats, and how much deeper each further time. */
const FIRST_NATS = 6;
const DEEPER = 2;

/** Draws in place of a refused token before the mask of the filter is computed. */
const REDRAWS = 6;
const GREEDY_REDRAWS = 48;
/** Nats below the likeliest within which greedy looks for what is allowed. */
const GREEDY_REDRAW_NATS = 12;

/** What the caller knows of a row of logits. */
export interface Known {
  /** The largest logit. */
  readonly top: number;
  /** Sum of e^(logit - top). */
  readonly mass: number | null;
}

/** Which tokens may be drawn at all. */
export interface TokenFilter {
  allows(token: number): boolean;
  /** Allowed tokens, token t as bit `t & 31` of word `t >> 5`; read at once, never written. */
  mask(): Uint32Array;
}

/** Shared by all chains: a token is drawn without awaiting anything. */
const candidates = new Candidates();

export class SamplerChain {
  readonly #p: SamplingParams;
  /** Samplers at the beginning that change single logits: they work on the whole row. */
  readonly #adjusters: readonly Adjuster[];
  readonly #rest: readonly Sampler[];
  /** Nats below which tokens are negligible: logits may be divided by the temperature later. */
  readonly #depth: number;

  constructor(p: SamplingParams) {
    const samplers = activeSamplers(p);
    const first = samplers.findIndex((sampler) => !isAdjuster(sampler));
    const nAdjuster = first < 0 ? samplers.length : first;
    const rest = samplers.slice(nAdjuster);
    this.#p = p;
    this.#adjusters = samplers.slice(0, nAdjuster).filter(isAdjuster);
    // A sampler that only narrows keeps the likeliest.
    this.#rest = p.temperature === 0 && !rest.some(isAdjuster) ? [] : rest;
    this.#depth = rest.some(needsAll) ? Infinity : NEGLIGIBLE_NATS * Math.max(1, p.temperature);
  }

  /** Whether the draw is always the likeliest token of the model's own logits, whatever they are. */
  get isGreedy(): boolean {
    return this.#p.temperature === 0 && this.#adjusters.length === 0 && this.#rest.length === 0;
  }

  /** Whether `pick` asks for the mass of the logits it is given. */
  get wantsMass(): boolean {
    const [first] = this.#rest;
    if (this.#p.temperature === 0 || this.#adjusters.length > 0) return false;
    return first === undefined || needsMass(first);
  }

  /**
   * Draws the token after the text so far.
   * @param logits of the whole vocabulary; not changed
   * @param filter tokens it refuses are drawn again, among those it allows
   */
  pick(
    logits: Float32Array,
    context: SamplerContext,
    known: Known | null = null,
    filter: TokenFilter | null = null,
  ): number {
    let place = this.#place(this.#adjusted(logits, context), context, known);
    if (filter !== null && !filter.allows(candidates.ids[place]!))
      place =
        this.#redraw(logits, context, place, filter) ??
        this.#placeAllowed(masked(logits, filter.mask()), context);
    for (const sampler of this.#rest)
      if (!isAdjuster(sampler)) sampler.drawn?.(this.#naturalProbability(place));
    return candidates.ids[place]!;
  }

  /**
   * Draws without refused tokens until one is allowed: among those the chain left, allowed tokens keep
   * their shares. Null after a few tries. A mask is expensive, and mostly not needed.
   */
  #redraw(
    logits: Float32Array,
    context: SamplerContext,
    refused: number,
    filter: TokenFilter,
  ): number | null {
    const { temperature, seed } = this.#p;
    let place = refused;
    if (temperature === 0 && this.#rest.length === 0) {
      // Only the likeliest was loaded.
      const row = this.#adjusted(logits, context);
      candidates.load(row, largestOf(row), GREEDY_REDRAW_NATS, null);
      place = candidates.likeliest();
    }
    const nTry = temperature === 0 ? GREEDY_REDRAWS : REDRAWS;
    for (let i = 1; i <= nTry; i++) {
      candidates.exclude(place);
      const step = context.text.length - context.nPrompt;
      place =
        temperature === 0
          ? candidates.likeliest()
          : candidates.draw(uniformAt(seed, step, STREAMS.redraw + i));
      if (candidates.logits[place] === -Infinity) return null;
      if (filter.allows(candidates.ids[place]!)) return place;
    }
    return null;
  }

  /** Probability of a candidate as it was before a sampler reshaped those that were left. */
  #naturalProbability(place: number): number {
    const last = this.#rest.at(-1);
    const before = last === undefined || isAdjuster(last) ? null : last.logitBefore?.(place);
    return probabilityOf(place, before ?? candidates.logits[place]!);
  }

  /** Probability of every token that may be drawn; 1 for the token of a greedy draw. */
  distribution(logits: Float32Array, context: SamplerContext): Map<number, number> {
    const place = this.#place(this.#adjusted(logits, context), context, null);
    const { n, ids } = candidates;
    if (this.#p.temperature === 0) return new Map([[ids[place]!, 1]]);
    return new Map(Array.from({ length: n }, (_, i) => [ids[i]!, probabilityOf(i)]));
  }

  /** Draws among allowed tokens. Where all of them are forbidden by adjusters, these are not heard. */
  #placeAllowed(allowed: Float32Array, context: SamplerContext): number {
    const adjusted = this.#adjusted(allowed, context);
    const row = largestOf(adjusted) === -Infinity ? allowed : adjusted;
    return this.#place(row, context, null, STREAMS.redraw);
  }

  /**
   * Place of the drawn token among the candidates.
   * @param row adjusted logits
   */
  #place(
    row: Float32Array,
    context: SamplerContext,
    known: Known | null,
    stream: number = STREAMS.draw,
  ): number {
    const { temperature, seed } = this.#p;
    this.#load(row, this.#adjusters.length === 0 ? known : null);
    for (const sampler of this.#rest)
      if (isAdjuster(sampler)) sampler.adjust(candidates, context);
      else sampler.narrow(candidates, context);
    if (temperature === 0) return candidates.likeliest();
    return candidates.draw(uniformAt(seed, context.text.length - context.nPrompt, stream));
  }

  #adjusted(logits: Float32Array, context: SamplerContext): Float32Array {
    if (this.#adjusters.length === 0) return logits;
    const row = new WholeRow(logits.slice());
    for (const adjuster of this.#adjusters) adjuster.adjust(row, context);
    return row.logits;
  }

  /** Loads as many candidates as the first sampler can use. */
  #load(logits: Float32Array, known: Known | null): void {
    const top = known?.top ?? largestOf(logits);
    const [first] = this.#rest;
    const narrower = first === undefined || isAdjuster(first) ? null : first;
    const mass = this.wantsMass || needsMass(first) ? (known?.mass ?? sumExp(logits, top)) : null;
    if (narrower?.enough !== undefined) {
      for (let nats = FIRST_NATS; nats < this.#depth; nats *= DEEPER) {
        candidates.load(logits, top, nats, mass);
        if (narrower.enough(candidates)) return;
      }
    }
    const isGreedy = this.#p.temperature === 0 && first === undefined;
    candidates.load(logits, top, isGreedy ? 0 : (narrower?.reach ?? this.#depth), mass);
  }
}

const needsAll = (sampler: Sampler): boolean => !isAdjuster(sampler) && sampler.needsAll === true;
const needsMass = (sampler: Sampler | undefined): boolean =>
  sampler !== undefined && !isAdjuster(sampler) && sampler.needsMass === true;

/** A copy of `logits` in which only tokens of `mask` are numbers. */
function masked(logits: Float32Array, mask: Uint32Array): Float32Array {
  const allowed = new Float32Array(logits.length).fill(-Infinity);
  for (let word = 0; word < mask.length; word++)
    for (let bits = mask[word]!; bits !== 0; bits &= bits - 1) {
      const token = word * 32 + (31 - Math.clz32(bits & -bits));
      allowed[token] = logits[token]!;
    }
  return allowed;
}

function probabilityOf(i: number, logit = candidates.logits[i]!): number {
  return Math.exp(logit - candidates.top) / candidates.mass();
}
