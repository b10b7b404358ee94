/**
 * Drafts of a smaller model with the same tokenizer (speculative decoding, arXiv 2211.17192): it
 * continues the text greedily, the larger one checks all of it in one pass.
 */
import { EngineError } from '../base/errors.ts';
import { commonPrefix } from '../cache/prefix-key.ts';
import type { PrefixKey } from '../cache/prefix-key.ts';
import type { DecoderBackend } from '../model/decoder/contract.ts';
import { MAX_DRAFT_TOKENS } from './drafts.ts';
import type { Drafts } from './drafts.ts';
import type { Lease, Scheduler } from './scheduler.ts';

/** First guess of how often a draft's token is right. */
const PRIOR_RATE = 0.7;
const RATE_WEIGHT = 0.12;
/** How fast a rate returns to that, per step: drafts that failed are tried again some time. */
const FORGET_WEIGHT = 0.01;

export interface DraftModel {
  readonly decoder: DecoderBackend;
  /** Scheduler of the draft model's own pages. */
  readonly scheduler: Scheduler;
  /** Cost of one of its passes, as a part of a pass of the model it drafts for. */
  readonly tokenCost: number;
}

/** Decides whether two models can work together; a manifest has these fields. */
export interface ModelIdentity {
  readonly id: string;
  readonly tokenizer: { readonly sha256: string };
  readonly config: { readonly nVocab: number };
}

/** Whether token ids mean the same to both. */
export function sharesTokenizer(a: ModelIdentity, b: ModelIdentity): boolean {
  return a.tokenizer.sha256 === b.tokenizer.sha256 && a.config.nVocab === b.config.nVocab;
}

/** @throws {EngineError} E_REQUEST_INVALID for a draft model with another tokenizer than `model`. */
export function checkDraft(model: ModelIdentity, draft: ModelIdentity): void {
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
  readonly #key: PrefixKey;
  readonly #age: number;
  #rate = PRIOR_RATE;
  #predicted: readonly number[] = [];
  #lease: Lease | null = null;

  /** @param text grows in place */
  constructor(
    model: DraftModel,
    text: readonly number[],
    { scope, age }: { readonly scope: string; readonly age: number },
  ) {
    this.#model = model;
    this.#text = text;
    this.#key = { root: { scope, adapter: null }, items: text };
    this.#age = age;
  }

  get tokenCost(): number {
    return this.#model.tokenCost;
  }

  predict(): number {
    this.#predicted = [];
    this.nHeld = 0;
    this.#rate += FORGET_WEIGHT * (PRIOR_RATE - this.#rate);
    return this.#text.length + MAX_DRAFT_TOKENS > this.#model.decoder.limits.nCtx ? 0 : this.#rate;
  }

  async take(n: number): Promise<readonly number[]> {
    const { decoder, scheduler } = this.#model;
    const text = this.#text;
    const nTokens = text.length + n;
    this.#lease ??= scheduler.admit({ prompt: this.#key, nTokens, age: this.#age, mayGrow: true });
    const lease = this.#lease;
    if (lease === null) return [];
    const { sequence, slot } = lease;
    // Drop drafted tokens that were not chosen, and the last token, whose logits are wanted.
    sequence.truncate(Math.min(commonPrefix(sequence, this.#key), text.length - 1));
    if (!scheduler.reserve(lease, nTokens)) return [];
    const { maxRows } = decoder.limits;
    let inputs = text.slice(sequence.items.length);
    const part = { sequence, slot, adapter: null };
    if (inputs.length > maxRows) {
      // One chunk per step, so that streams beside this one keep their pace.
      inputs = inputs.slice(0, maxRows);
      const pass = decoder.forward([{ ...part, inputs, logitsFrom: maxRows }]);
      if (pass !== undefined) await pass;
      return [];
    }
    const draft: number[] = [];
    while (draft.length < n) {
      const pass = decoder.forward(
        [{ ...part, inputs, logitsFrom: inputs.length - 1 }],
        (_part, _index, row) => void draft.push(decoder.argmax(row)),
      );
      if (pass !== undefined) await pass;
      inputs = draft.slice(-1);
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
