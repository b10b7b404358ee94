/** Bytes that a model, or a part of it, takes in an isolate beside the JavaScript heap that each has. */
import { EngineError } from '../base/errors.ts';
import type { DecoderManifest, Manifest } from '../manifest/manifest.ts';
import { pieceOf } from '../model/decoder/piece.ts';
import type { PieceRange } from '../model/decoder/piece.ts';
import { planMemory } from '../model/decoder/plan.ts';
import type { PlanOptions } from '../model/decoder/plan.ts';
import { planEncoder } from '../model/encoder/plan.ts';
import { planTower } from '../model/tower/plan.ts';
import { planVision } from '../model/vision/plan.ts';
import { planRecognition } from '../model/recognition/plan.ts';

/** Kinds of models that stages run. */
export type PlacedManifest = Extract<
  Manifest,
  { readonly kind: 'decoder' | 'encoder' | 'recognition' | 'vision' | 'tower' }
>;

/**
 * The leader's own part beside its stage: scheduler, kept embeddings, and rows of logits as they arrive. V8
 * frees what lies outside its heap only once there is a good deal of it (measured: 40 MB at the most with a
 * vocabulary of 152,000 and six streams that sample).
 */
const LEADER_BYTES = 24_000_000;
/** The same for each token of the vocabulary: a row of logits, and bytes of tokens for grammars. */
const LEADER_TOKEN_BYTES = 56;

/**
 * What a stage takes beside its plan for the frames it gets from its leader and sends back: V8 frees them only
 * once there are some thousands (measured: 10 MB at the most, of which the heap of every isolate holds 2).
 */
export const LINK_BYTES = 8_000_000;

const NO_LIMIT = { memoryBudgetBytes: null };

export function leaderBytes({ config }: Pick<DecoderManifest, 'config'>): number {
  return LEADER_BYTES + LEADER_TOKEN_BYTES * config.nVocab;
}

/** @throws {EngineError} E_PLACEMENT_INVALID for rows that cut a slice. */
export function pieceBytes(
  manifest: DecoderManifest,
  range: PieceRange,
  options: Pick<PlanOptions, 'nCtx'>,
): number {
  const piece = pieceOf(manifest, range);
  const plan = planMemory(manifest, { ...options, ...NO_LIMIT, piece });
  return plan.totalBytes - plan.jsHeapBytes;
}

/** Bytes of a whole model. */
export function wholeBytes(manifest: PlacedManifest, options: Pick<PlanOptions, 'nCtx'>): number {
  const { totalBytes, jsHeapBytes } = planWhole(manifest, options);
  return totalBytes - jsHeapBytes;
}

function planWhole(
  manifest: PlacedManifest,
  options: Pick<PlanOptions, 'nCtx'>,
): { readonly totalBytes: number; readonly jsHeapBytes: number } {
  switch (manifest.kind) {
    case 'decoder':
      return planMemory(manifest, { ...options, ...NO_LIMIT });
    case 'encoder':
      return planEncoder(manifest, NO_LIMIT);
    case 'recognition':
      return planRecognition(manifest, NO_LIMIT);
    case 'vision':
      return planVision(manifest, NO_LIMIT);
    case 'tower':
      return planTower(manifest, NO_LIMIT);
  }
}

/** Whether stages run models of this kind. */
export function isPlaced(manifest: Manifest): manifest is PlacedManifest {
  return ['decoder', 'encoder', 'recognition', 'vision', 'tower'].includes(manifest.kind);
}

/** @throws {EngineError} E_MODEL_KIND for kinds that have scripts of their own. */
export function requirePlaced(manifest: Manifest): PlacedManifest {
  if (isPlaced(manifest)) return manifest;
  throw new EngineError(
    'E_MODEL_KIND',
    `plan: ${manifest.id} is of kind ${manifest.kind}, which runs in a script of its own; ` +
      'expected a text, embedding, speech or image model.',
    { details: { model: manifest.id, kind: manifest.kind } },
  );
}
