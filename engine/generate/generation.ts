/**
 * One generation as the step loop sees it: its text, the part of it that is evaluated, and what to
 * do with logits. Knows no batch and no other generation.
 */
import type { PrefixRoot } from '../cache/prefix-key.ts';
import type { AdapterHandle, DecoderBackend } from '../model/decoder/contract.ts';
import { SamplerChain } from '../sample/chain.ts';
import type { SamplerContext } from '../sample/sampler.ts';
import type { GrammarProgram } from '../grammar/run/matcher.ts';
import { Constraint } from './constraint.ts';
import type { Drafts } from './drafts.ts';
import { Inbox } from './inbox.ts';
import { LookupDrafts } from './lookup-drafts.ts';
import { ModelDrafts } from './model-drafts.ts';
import type { DraftModel } from './model-drafts.ts';
import { logprobOf, pickToken } from './pick-token.ts';
import type { Claim, Lease } from './scheduler.ts';
import { Text } from './text.ts';
import type {
  AdapterActivation,
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  GenerateUsage,
  TokenLogprob,
} from './types.ts';
import { NO_USAGE } from './types.ts';

/** Events that may wait for their reader before its generation pauses. */
export const MAX_UNREAD_EVENTS = 8;
/** Part of the context promised beyond the text to a generation whose request names no end. */
const UNNAMED_END_PART = 1 / 8;

/** Times in a row that a text is evaluated again after its pages were lost. */
const MAX_STARTS_OVER = 3;

/** Called with every position while its logits are in `row`. */
export type ObserveLogits = (position: number, row: number) => void;

export interface GenerationOptions {
  /** Smaller for generations that came earlier. */
  readonly age: number;
  /** Positions a text may have. */
  readonly nCtx: number;
  /** Whether what was evaluated is kept for others. */
  readonly keep: boolean;
  readonly observe?: ObserveLogits;
  readonly draftModel: DraftModel | null;
  /** Adapter it is evaluated with; none by default. */
  readonly adapter?: AdapterHandle | null;
  /** From where on the adapter applies; from the start by default. */
  readonly activation?: AdapterActivation;
  /** Made for the request's constraint, if it has one. */
  readonly program?: GrammarProgram;
}

export class Generation {
  readonly inbox = new Inbox<GenerateEvent>();
  /** Prompt and completion. */
  readonly text: Text;
  /** With whom its prefix may be shared. */
  readonly root: PrefixRoot;
  readonly #adapter: AdapterHandle | null;
  readonly request: GenerateRequest;
  readonly usage: GenerateUsage;
  /** Number of positions at which it ends. */
  readonly limit: number;
  /** What may guess ahead for it. */
  readonly drafts: readonly Drafts[];
  readonly age: number;
  readonly keep: boolean;
  /** Whether its reader knows that it waits. */
  told = false;
  /** Whether it has lost its place to a shorter one, which happens once. */
  gaveWay = false;
  /** When it got its place. */
  placedAt = 0;
  /** Its place in the cache; null while it waits for one. */
  lease: Lease | null = null;
  /** Whether it is done or failed: it takes part in no more steps. */
  ended = false;
  /** Since when it waits for pages, or for its reader. */
  since: number;
  /** The last step that took some of its prompt. */
  lastChunkStep = -1;
  readonly #decoder: DecoderBackend;
  readonly #samplers: SamplerChain;
  readonly #context: SamplerContext;
  readonly #constraint: Constraint | null;
  readonly #nCtx: number;
  readonly #observe: ObserveLogits | null;
  readonly #promptLogprobs: (TokenLogprob | null)[] = [];
  /** The first position whose logits were not read yet. */
  #nextRead: number;
  #nStartOver = 0;
  /** Length of its text when its pages were lost. */
  #lengthAtLoss = -1;
  #startedAt: number;
  #decodeAt = 0;

  constructor(decoder: DecoderBackend, request: GenerateRequest, options: GenerationOptions) {
    this.request = request;
    const { adapter = null, activation = null } = options;
    const { nEmbd } = decoder.config;
    if (adapter === null || activation === null) {
      this.#adapter = adapter;
      this.text = new Text(request.prompt, nEmbd, null, adapter);
    } else {
      this.#adapter = { id: adapter.id, isActivated: true };
      this.text = new Text(request.prompt, nEmbd, { adapter: this.#adapter, from: activation });
    }
    const atRoot = activation === null ? adapter : null;
    this.root = { scope: request.scope ?? '', adapter: atRoot?.id ?? null };
    this.age = options.age;
    this.keep = options.keep;
    this.#decoder = decoder;
    const { nPrefix, nPrompt, nPromptTokens, tokens, runStarts } = this.text;
    this.#samplers = new SamplerChain(request.sampling);
    this.#context = { text: tokens, nPrompt: nPromptTokens, runStarts };
    this.#nCtx = options.nCtx;
    this.#observe = options.observe ?? null;
    this.limit = Math.min(nPrompt + request.maxTokens, options.nCtx);
    const room = this.limit - nPrompt;
    this.#constraint = options.program === undefined ? null : new Constraint(options.program, room);
    this.drafts =
      request.speculation === 'off' || request.maxTokens === 0 ? [] : this.#draftsOf(options);
    const from = this.#observe === null ? (request.promptLogprobsFrom ?? 0) : 0;
    this.#nextRead = this.readsPrompt ? nPrefix + Math.max(0, from - 1) : nPrompt - 1;
    if (from === 0) this.#promptLogprobs.push(null);
    this.since = this.#startedAt = Date.now();
    this.usage = { ...NO_USAGE, promptTokens: nPrompt - nPrefix };
  }

  /** Whether logits of the prompt's own positions are wanted too, from the next to be read on. */
  get readsPrompt(): boolean {
    return this.request.promptLogprobs || this.#observe !== null;
  }

  /** With whom it takes turns where many wait. */
  get scope(): string {
    return this.root.scope;
  }

  /** Positions at the text's beginning that need no evaluation: those in the cache, or a prefix that is only written. */
  get nReady(): number {
    return Math.max(this.lease?.sequence.items.length ?? 0, this.text.nPrefix);
  }

  /** Positions of the text that are still to be evaluated. */
  get nPending(): number {
    return this.text.length - this.nReady;
  }

  /** The adapter of the row at `position`. */
  adapterAt(position: number): AdapterHandle | null {
    const isBefore = this.#adapter?.isActivated === true && position < this.text.activeFrom;
    return isBefore ? null : this.#adapter;
  }

  /** Positions that the next part may have, at most `room`: all its rows carry the same adapter. */
  nextChunk(room: number): number {
    const untilActive = this.text.activeFrom - this.nReady;
    return Math.min(room, this.nPending, untilActive > 0 ? untilActive : Infinity);
  }

  /** Tokens that it may still have. */
  get nLeft(): number {
    return this.limit - this.text.length;
  }

  /** Whether it waits for its reader: it takes part in no steps until something is read. */
  get paused(): boolean {
    return this.inbox.nUnread >= MAX_UNREAD_EVENTS;
  }

  /**
   * Positions to promise pages for: up to its end, if the request names one before the context's.
   * Most texts end long before the context does, so others are not kept waiting for all of it.
   */
  get claim(): Claim {
    const { text, limit, age, root } = this;
    const prompt = { root, items: text.items };
    const mayGrow = limit === this.#nCtx;
    const likely = text.length + Math.ceil(this.#nCtx * UNNAMED_END_PART);
    return { prompt, age, mayGrow, nTokens: mayGrow ? Math.min(likely, limit) : limit };
  }

  /** Gives it a place in the cache, at `now`. */
  place(lease: Lease, now: number): void {
    // Counts what was cached when it began, not what is found again after it lost its pages.
    if (this.lease === null && this.#decodeAt === 0) {
      const { sequence } = lease;
      // Once cut, a sequence whose beginning was given back may lack positions that a window needs.
      const usable = sequence.firstPosition > 0 ? 0 : this.#nextRead;
      if (this.readsPrompt && sequence.items.length > usable) sequence.truncate(usable);
      this.usage.cachedTokens = Math.max(0, sequence.items.length - this.text.nPrefix);
    }
    this.usage.queueMs += now - this.since;
    this.placedAt = now;
    this.lease = lease;
  }

  /** Takes its place away, at `now`: it waits for another. */
  displace(now: number): void {
    this.lease = null;
    this.since = now;
  }

  /** Whether, its pages lost, it is to be evaluated again; false when that has happened too often in a row. */
  mayStartOver(): boolean {
    const { length } = this.text;
    this.#nStartOver = length === this.#lengthAtLoss ? this.#nStartOver + 1 : 1;
    this.#lengthAtLoss = length;
    return this.#nStartOver <= MAX_STARTS_OVER;
  }

  /** Whether only the likeliest token of each position is ever asked for. */
  get onlyTop(): boolean {
    return (
      this.#samplers.isGreedy &&
      this.#constraint === null &&
      this.request.topLogprobs === null &&
      !this.readsPrompt
    );
  }

  /** Index among `n` positions from `start` on of the first whose logits are wanted. */
  logitsFrom(start: number, n: number): number {
    return Math.min(Math.max(0, this.#nextRead - start), n);
  }

  /**
   * Takes what is wanted of the logits of `position`, which are in `row`. Called in order of positions,
   * in the turn of the event loop that made the logits; after a draft that was not chosen there is
   * nothing to take.
   */
  read(position: number, row: number): void {
    if (this.ended || position !== this.#nextRead) return;
    if (this.lease?.sequence.items[position] !== this.text.items[position]) return;
    this.#nextRead++;
    this.#observe?.(position, row);
    if (position + 1 < this.text.length) {
      const following = this.text.tokenAt(position + 1);
      if (this.request.promptLogprobs)
        this.#promptLogprobs.push(following === null ? null : this.#logprob(following, row));
      return;
    }
    if (position + 1 === this.text.nPrompt) this.#start();
    if (this.text.length < this.limit) this.#append(row);
    else this.#end('length');
  }

  /** After a step: drops the evaluated tokens of drafts that were not chosen. */
  dropRejected(): void {
    const sequence = this.lease?.sequence;
    const last = this.text.length - 1;
    if (sequence === undefined || sequence.items.length <= last) return;
    sequence.truncate(sequence.items[last] === this.text.items[last] ? last + 1 : last);
  }

  /** Whether its prompt is evaluated. */
  get begun(): boolean {
    return this.#decodeAt !== 0;
  }

  /** Says that it waits. */
  tell(): void {
    this.told = true;
    this.inbox.push({ type: 'waiting' });
  }

  fail(error: unknown): void {
    this.ended = true;
    this.inbox.fail(error);
  }

  #start(): void {
    const { usage } = this;
    this.#decodeAt = Date.now();
    usage.prefillMs = this.#decodeAt - this.#startedAt - usage.queueMs;
    this.inbox.push({ type: 'start', usage: { ...usage } });
    if (this.request.promptLogprobs)
      this.inbox.push({ type: 'prompt', logprobs: this.#promptLogprobs });
  }

  #append(row: number): void {
    const { request, text, usage } = this;
    const constraint = this.#constraint;
    const picked = pickToken(this.#decoder, row, this.#samplers, this.#context, constraint);
    const token = constraint === null ? picked : constraint.settle(picked);
    const isEnd = token === null || constraint?.isEnd(token) === true;
    if (isEnd || request.stopTokens.includes(token)) {
      this.#end(constraint?.isCut === true ? 'length' : 'stop');
      return;
    }
    constraint?.accept(token);
    const logprob = request.topLogprobs === null ? null : this.#logprob(token, row);
    text.push(token);
    usage.completionTokens++;
    for (const drafts of this.drafts) drafts.settle(token);
    this.inbox.push({ type: 'token', token, logprob });
    if (constraint?.isComplete === true) this.#end(constraint.isCut ? 'length' : 'stop');
    else if (text.length >= this.limit) this.#end('length');
  }

  #end(reason: FinishReason): void {
    this.ended = true;
    this.usage.decodeMs = Date.now() - this.#decodeAt;
    this.inbox.push({ type: 'done', reason, usage: this.usage });
  }

  #draftsOf({ draftModel, age }: GenerationOptions): Drafts[] {
    const { tokens, runStarts, hasRows } = this.text;
    const lookup = new LookupDrafts(tokens, this.limit, runStarts);
    // Rows are of this model's width: no other model can read them.
    if (draftModel === null || hasRows) return [lookup];
    return [lookup, new ModelDrafts(draftModel, tokens, { scope: this.root.scope, age })];
  }

  #logprob(token: number, row: number): TokenLogprob {
    return logprobOf(this.#decoder, row, token, this.request.topLogprobs ?? 0);
  }
}
