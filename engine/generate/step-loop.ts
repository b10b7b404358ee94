/**
 * Continuous batching: while any generation can go on, step after step, each one pass over the
 * weights for all of them. Generations join and leave between steps. Every stream that decodes has
 * its next token in every step; prompts get the remaining rows and time. The result of a
 * generation does not depend on its mates (engine/model/decoder/contract.ts), so nothing here changes a text.
 *
 * A pass may take turns of the event loop (layers in other isolates). Until it is over nobody starts,
 * and generations in it neither lose nor give back pages: one that leaves meanwhile ends at once for
 * its reader, and its pages are free once the pass is over.
 */
import { EngineError, throwIfAborted } from '../base/errors.ts';
import { startOf } from '../model/decoder/contract.ts';
import type { DecoderBackend, VisitLogits } from '../model/decoder/contract.ts';
import { TILE_TOKENS } from '../ops/ops.ts';
import { Admission, CALLER_GONE } from './admission.ts';
import { bestDraft } from './best-draft.ts';
import type { Generation } from './generation.ts';
import type { Scheduler } from './scheduler.ts';
import { shareOf, withDraft } from './step.ts';
import type { DraftPlan, Share, Step } from './step.ts';
import { StepCosts } from './step-costs.ts';
import type { OpenTurns } from '../base/turns.ts';
import type { GenerateEvent } from './types.ts';

/** A generation that has not begun by then says so, where its request wants that. */
export const WAITING_MS = 300;
/** While all generations with pages are paused, the loop checks this often whether one has stalled. */
const WAKE_MS = 1000;
/** Longest step that evaluates prompts beside streams that decode. */
const STEP_SLICE_MS = 50;
/** Prompt tokens beside decoding streams in every step, however slow. */
const MIN_CHUNK_TOKENS = 2 * TILE_TOKENS;
/** A loop without a step for this long was lost with the request that ran it. */
const LOST_MS = 10_000;
/** As LOST_MS, while a pass runs: a pass of many rows over many isolates takes seconds. */
const LOST_PASS_MS = 120_000;

export class StepLoop {
  readonly #decoder: DecoderBackend;
  readonly #scheduler: Scheduler;
  readonly #openTurns: OpenTurns;
  readonly #costs: StepCosts;
  readonly #admission: Admission;
  /** All generations that have not ended, the oldest first. */
  readonly #live = new Set<Generation>();
  /** Generations in the step that runs; null between steps. */
  #inStep: ReadonlySet<Generation> | null = null;
  /** Number of the loop that runs; another number stops it. Null when none runs. */
  #driver: number | null = null;
  #nDriver = 0;
  #lastStepAt = 0;
  #nStep = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(decoder: DecoderBackend, scheduler: Scheduler, openTurns: OpenTurns) {
    this.#decoder = decoder;
    this.#costs = new StepCosts(decoder.limits.maxRows);
    this.#scheduler = scheduler;
    this.#openTurns = openTurns;
    this.#admission = new Admission(this.#live, scheduler, (generation) =>
      this.#leave(generation, false),
    );
  }

  /** Generations that wait for pages. */
  get nQueued(): number {
    return this.#admission.nQueued;
  }

  /**
   * The events of a generation from joining to its end. Leaving early, or the signal, ends it before
   * its next step.
   * @throws {EngineError} E_BUSY when too many wait or it waited too long; E_ABORTED.
   */
  async *run(
    generation: Generation,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    throwIfAborted(signal, CALLER_GONE);
    this.#join(generation);
    const abort = (): void => {
      generation.fail(new EngineError('E_ABORTED', CALLER_GONE));
      this.#leave(generation);
    };
    signal.addEventListener('abort', abort, { once: true });
    const timer =
      generation.request.tellsWaiting === true
        ? setInterval(() => this.#admission.tell(generation), WAITING_MS)
        : undefined;
    try {
      for (;;) {
        const paused = generation.paused;
        const event = await generation.inbox.read();
        if (paused && !generation.paused) this.#resume(generation);
        yield event;
        if (event.type === 'done') return;
      }
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', abort);
      this.#leave(generation);
    }
  }

  /**
   * Ends all generations and whatever step runs: the host's object in which they ran is gone, and with it
   * all that was awaited there.
   */
  reset(error: EngineError): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#driver = null;
    this.#nDriver++;
    this.#inStep = null;
    for (const generation of [...this.#live]) {
      generation.fail(error);
      this.#live.delete(generation);
      this.#vacate(generation, false);
    }
    this.#scheduler.forgetKept();
  }

  #join(generation: Generation): void {
    this.#live.add(generation);
    if (this.#inStep === null) this.#admission.admit(Date.now());
    this.#admission.refuseTooMany(generation);
    this.#kick();
  }

  /**
   * Frees its pages at once, whether or not its reader knows of its end; in the middle of a step, when
   * that is over.
   */
  #leave(generation: Generation, keep = generation.keep): void {
    generation.ended = true;
    if (this.#inStep?.has(generation) !== true) this.#vacate(generation, keep);
    if (this.#live.delete(generation)) this.#kick();
  }

  #vacate(generation: Generation, keep: boolean): void {
    if (generation.lease !== null) this.#scheduler.end(generation.lease, keep);
    generation.lease = null;
    for (const drafts of generation.drafts) drafts.close();
  }

  #resume(generation: Generation): void {
    if (generation.lease === null) generation.since = Date.now();
    this.#kick();
  }

  /** Starts the loop unless it runs. */
  #kick(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const now = Date.now();
    const lostMs = this.#inStep === null ? LOST_MS : LOST_PASS_MS;
    if (this.#driver !== null && now - this.#lastStepAt < lostMs) return;
    this.#lastStepAt = now;
    const driver = ++this.#nDriver;
    this.#driver = driver;
    this.#giveUpStep();
    this.#drive(driver).catch((error: unknown) => this.#failAll(error, driver));
  }

  async #drive(driver: number): Promise<void> {
    // Who joins in the same turn is in the first step.
    await Promise.resolve();
    const turns = this.#openTurns();
    try {
      while (this.#driver === driver) {
        const startedAt = performance.now();
        const step = this.#compose(Date.now());
        // Left in the same turn: a generation that joins after an await would take the loop for running.
        if (step.shares.length === 0) break;
        this.#nStep++;
        this.#inStep = new Set(step.shares.map(({ generation }) => generation));
        // Only what takes turns is awaited: each await is a turn for those who wait.
        const taken = step.draft?.drafts.take(step.draft.nToken) ?? [];
        const guess = 'then' in taken ? await taken : taken;
        if (this.#driver !== driver) break;
        const shares = withDraft(step, guess);
        const pass = this.#forward(shares, this.#inStep);
        if (pass !== undefined) await pass;
        await turns.next();
        // After the turn: a clock that stands still while code runs has gone on by now.
        this.#record(shares, performance.now() - startedAt);
        this.#lastStepAt = Date.now();
      }
    } finally {
      turns.close();
    }
    if (this.#driver !== driver) return;
    this.#driver = null;
    const someWait = [...this.#live].some((generation) => !generation.paused);
    if (someWait) this.#timer = setTimeout(() => this.#kick(), WAKE_MS);
  }

  #record(shares: readonly Share[], ms: number): void {
    const nRow = shares.reduce((sum, { part }) => sum + part.inputs.length, 0);
    const allRead = shares.every(({ part }) => part.logitsFrom === 0);
    this.#costs.record(nRow, ms, allRead);
  }

  /** The generations of the next step, and their parts in it. */
  #compose(now: number): Step {
    this.#admission.admit(now);
    const ready = [...this.#live].filter((g) => g.lease !== null && !g.ended && !g.paused);
    this.#admission.starved = false;
    const decoding = ready.filter((g) => g.nPending === 1 && this.#admission.takePages(g, now));
    const prefilling = ready
      .filter((g) => g.lease !== null && g.nPending > 1)
      .sort((a, b) => a.lastChunkStep - b.lastChunkStep);
    // Beside prompts guesses are made, too, only to be compared with what comes.
    const best = bestDraft(decoding, this.#costs, this.#decoder.limits.maxRows);
    const draft = prefilling.length === 0 ? this.#withPages(best) : null;
    const shares = decoding.map((generation) => shareOf(generation, 1));
    let room = this.#promptTokens(decoding.length);
    for (const generation of prefilling) {
      const nToken = generation.nextChunk(room);
      if (nToken === 0) break;
      if (!this.#scheduler.reserve(generation.lease!, generation.nReady + nToken)) continue;
      generation.lastChunkStep = this.#nStep;
      shares.push(shareOf(generation, nToken));
      room -= nToken;
    }
    return { shares: byAdapter(shares), draft };
  }

  /** Prompt tokens of a step beside `nDecoding` streams: whole tiles, within the slice. */
  #promptTokens(nDecoding: number): number {
    const { maxRows } = this.#decoder.limits;
    if (nDecoding === 0) return maxRows;
    const nRow = Math.max(
      this.#costs.rowsWithin(STEP_SLICE_MS),
      Math.ceil((nDecoding + MIN_CHUNK_TOKENS) / TILE_TOKENS) * TILE_TOKENS,
    );
    return Math.min(nRow, maxRows) - nDecoding;
  }

  /** A draft as far as the text may go, once there are pages for it; else null. */
  #withPages(plan: DraftPlan | null): DraftPlan | null {
    if (plan === null) return null;
    const { lease, limit, text } = plan.generation;
    const nToken = Math.min(plan.nToken, limit - text.length - 1);
    if (nToken <= 0 || !this.#scheduler.reserve(lease!, text.length + nToken)) return null;
    return { ...plan, nToken };
  }

  /** Runs one pass. A generation that left while its draft was made is still in it, harmlessly. */
  #forward(shares: readonly Share[], step: ReadonlySet<Generation>): void | Promise<void> {
    const starts = shares.map(({ part }) => startOf(part));
    const parts = shares.map(({ part }) => part);
    const visit: VisitLogits = (i, index, row) =>
      readSafely(shares[i]!.generation, starts[i]! + index, row);
    const fail = (error: unknown): void => this.#endStep(shares, step, { error });
    let pass: void | Promise<void>;
    try {
      pass = this.#decoder.forward(parts, visit);
    } catch (error) {
      return fail(error);
    }
    if (pass !== undefined) return pass.then(() => this.#endStep(shares, step), fail);
    this.#endStep(shares, step);
  }

  #endStep(
    shares: readonly Share[],
    step: ReadonlySet<Generation>,
    failure: { readonly error: unknown } | null = null,
  ): void {
    // Given up as lost: its places have gone to others.
    if (this.#inStep !== step) return;
    this.#inStep = null;
    if (failure !== null && isStageLost(failure.error))
      return this.#startOver(shares, failure.error);
    for (const { generation } of failure === null ? [] : shares) {
      generation.fail(failure?.error);
      // What its pages hold now is unknown.
      this.#leave(generation, false);
    }
    for (const share of shares) this.#settle(share);
  }

  /**
   * All pages are void: every text is evaluated again from its tokens, which stay. A generation that
   * was in too many such steps without a token between them ends with the error.
   */
  #startOver(shares: readonly Share[], error: EngineError): void {
    for (const { generation } of shares) {
      if (!generation.ended && !generation.mayStartOver()) generation.fail(error);
      if (generation.ended) this.#leave(generation, false);
    }
    const now = Date.now();
    for (const generation of this.#live) {
      if (generation.lease === null) continue;
      this.#scheduler.end(generation.lease, false);
      generation.displace(now);
    }
    this.#scheduler.forgetKept();
  }

  /** Ends the generations of a step that never finished. */
  #giveUpStep(): void {
    const lost = this.#inStep ?? [];
    this.#inStep = null;
    for (const generation of lost) {
      generation.fail(
        new EngineError('E_BACKEND_UNAVAILABLE', 'decoder: a pass did not come back; try again.'),
      );
      this.#leave(generation, false);
    }
  }

  #settle({ generation, nDraft, drafts }: Share): void {
    generation.usage.draftedTokens += nDraft;
    generation.usage.acceptedTokens += Math.min(nDraft, drafts?.nHeld ?? 0);
    if (generation.lease === null) return;
    generation.dropRejected();
    this.#scheduler.releasePassed(generation.lease);
    if (generation.paused) generation.since = Date.now();
    if (generation.ended) this.#leave(generation);
  }

  #failAll(error: unknown, driver: number): void {
    if (this.#driver !== driver) return;
    this.#driver = null;
    this.#inStep = null;
    for (const generation of [...this.#live]) {
      generation.fail(error);
      this.#leave(generation, false);
    }
  }
}

/** Shares of one adapter follow each other, so that its products are made for all of their rows at once. */
function byAdapter(shares: readonly Share[]): readonly Share[] {
  const idOf = ({ part }: Share): string => part.adapter?.id ?? '';
  if (shares.every((share) => idOf(share) === '')) return shares;
  return [...Map.groupBy(shares, idOf).values()].flat();
}

/** A reader of logits that throws ends its own generation, not its mates'. */
function readSafely(generation: Generation, position: number, row: number): void {
  try {
    generation.read(position, row);
  } catch (error) {
    generation.fail(error);
  }
}

function isStageLost(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === 'E_STAGE_LOST';
}
