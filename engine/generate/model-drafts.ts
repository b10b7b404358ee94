/**
 * Drafts of a smaller model with the same tokenizer (speculative decoding, arXiv 2211.17192): it
 * continues the text greedily, the larger one checks all of it in one pass.
 */
import { EngineError } from '../base/errors.ts';
import type { DecoderManifest } from '../manifest/manifest.ts';
import type { Decoder } from '../model/decoder/decoder.ts';
import { CHUNK_TOKENS } from '../model/decoder/plan.ts';
import { MAX_DRAFT_TOKENS } from './drafts.ts';
import type { Drafts } from './drafts.ts';
import type { Lease, Scheduler } from './scheduler.ts';

/** How often a draft's token is right, before any is known. */
const PRIOR_RATE = 0.7;
const RATE_WEIGHT = 0.12;
/** How fast a rate goes back there, a step: drafts that failed are tried again some time. */
const FORGET_WEIGHT = 0.01;

export interface DraftModel {
  readonly decoder: Decoder;
  /** Of the draft model's own pages. */
  readonly scheduler: Scheduler;
  /** A pass of it against one of the model it drafts for. */
  readonly tokenCost: number;
}

/** Whether token ids mean the same to both. */
export function sharesTokenizer(a: DecoderManifest, b: DecoderManifest): boolean {
  return a.tokenizer.sha256 === b.tokenizer.sha256 && a.config.nVocab === b.config.nVocab;
}

/** @throws {EngineError} E_REQUEST_INVALID for a draft model with another tokenizer than `model`. */
export function checkDraft(model: DecoderManifest, draft: DecoderManifest): void {
  if (sharesTokenizer(model, draft)) return;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `draft: ${draft.id} (${draft.config.nVocab} tokens) has another tokenizer than ${model.id} ` +
      `(${model.config.nVocab} tokens). Choose a draft model of the same family.`,
    { param: 'draft', details: { draft: draft.id, model: model.id } },
  );
}

export class ModelDrafts implements Drafts {
  nHeld = 0;
  readonly #model: DraftModel;
  readonly #text: readonly number[];
  readonly #age: number;
  #rate = PRIOR_RATE;
  #predicted: readonly number[] = [];
  #lease: Lease | null = null;

  constructor(model: DraftModel, text: readonly number[], age: number) {
    this.#model = model;
    this.#text = text;
    this.#age = age;
  }

  get tokenCost(): number {
    return this.#model.tokenCost;
  }

  predict(): number {
    this.#predicted = [];
    this.nHeld = 0;
    this.#rate += FORGET_WEIGHT * (PRIOR_RATE - this.#rate);
    return this.#text.length + MAX_DRAFT_TOKENS > this.#model.decoder.plan.nCtx ? 0 : this.#rate;
  }

  take(n: number): readonly number[] {
    const { decoder, scheduler } = this.#model;
    const text = this.#text;
    const nTokens = text.length + n;
    this.#lease ??= scheduler.admit({ prompt: text, nTokens, age: this.#age, mayGrow: true });
    const lease = this.#lease;
    if (lease === null) return [];
    const { sequence, slot } = lease;
    // What was drafted and not chosen goes; the last token's logits are wanted.
    sequence.truncate(Math.min(sequence.commonPrefix(text), text.length - 1));
    if (!scheduler.reserve(lease, nTokens)) return [];
    let next = text.slice(sequence.tokens.length);
    if (next.length > CHUNK_TOKENS) {
      // A chunk a step, so that streams beside this one keep their pace.
      const tokens = next.slice(0, CHUNK_TOKENS);
      decoder.forward([{ tokens, sequence, slot, logitsFrom: CHUNK_TOKENS }]);
      return [];
    }
    const draft: number[] = [];
    while (draft.length < n) {
      decoder.forward(
        [{ tokens: next, sequence, slot, logitsFrom: next.length - 1 }],
        (_part, _index, row) => void draft.push(decoder.argmax(row)),
      );
      next = draft.slice(-1);
    }
    this.#predicted = draft;
    return draft;
  }

  settle(token: number): void {
    const predicted = this.#predicted[this.nHeld];
    if (predicted === undefined) return;
    const held = predicted === token;
    this.#rate += RATE_WEIGHT * ((held ? 1 : 0) - this.#rate);
    if (held) this.nHeld++;
    else this.#predicted = [];
  }

  close(): void {
    if (this.#lease !== null) this.#model.scheduler.end(this.#lease, true);
    this.#lease = null;
  }
}
