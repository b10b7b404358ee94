/** What a step of the loop consists of: the parts of the generations in it, and a draft for one of them. */
import type { BatchPart } from '../model/decoder/contract.ts';
import type { Drafts } from './drafts.ts';
import type { Generation } from './generation.ts';

/** The part of a generation in a step. */
export interface Share {
  readonly generation: Generation;
  readonly part: BatchPart;
  readonly nDraft: number;
  /** Source of its draft. */
  readonly drafts: Drafts | null;
}

export interface DraftPlan {
  readonly generation: Generation;
  readonly drafts: Drafts;
  readonly nToken: number;
}

export interface Step {
  readonly shares: readonly Share[];
  /** The draft to be made for one of the shares, if any. */
  readonly draft: DraftPlan | null;
}

/** The shares of a step, with the guessed tokens in the drafted one. */
export function withDraft({ shares, draft }: Step, guess: readonly number[]): readonly Share[] {
  if (draft === null) return shares;
  const { generation, drafts } = draft;
  return shares.map((share) =>
    share.generation === generation ? shareOf(generation, 1, guess, drafts) : share,
  );
}

export function shareOf(
  generation: Generation,
  nToken: number,
  draft: readonly number[] = [],
  drafts: Drafts | null = null,
): Share {
  const { sequence, slot } = generation.lease!;
  const { text, onlyTop, nReady: start } = generation;
  const inputs = [...text.inputs(start, start + nToken), ...draft];
  const logitsFrom = generation.logitsFrom(start, inputs.length);
  const adapter = generation.adapterAt(start);
  const part = { inputs, sequence, slot, logitsFrom, adapter, onlyTop };
  return { generation, nDraft: draft.length, drafts, part };
}
