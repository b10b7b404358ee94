/**
 * The draft model of the stage (`DRAFT_MODEL`): a smaller model that drafts tokens for models with its
 * tokenizer. It is part of each engine it drafts for: planned, loaded and closed with it.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { sharesTokenizer } from '../../engine/generate/model-drafts.ts';
import { planMemory, type MemoryPlan, type PlanOptions } from '../../engine/model/decoder/plan.ts';
import { readManifest } from '../platform/model-files.ts';

/**
 * The draft model for `manifest`; null when none is configured, or when it has another tokenizer (other
 * models may be served besides the one it is meant for).
 * @throws {EngineError} E_MODEL_NOT_FOUND when the configured one is not in the bucket.
 */
export async function findDraft(
  bucket: R2Bucket,
  draftId: string | undefined,
  manifest: DecoderManifest,
): Promise<DecoderManifest | null> {
  if (draftId === undefined || draftId === '' || draftId === manifest.id) return null;
  const stored = await readManifest(bucket, draftId);
  if (stored === null || stored === 'unchanged')
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `draft: no model ${JSON.stringify(draftId)}, which DRAFT_MODEL names. Push it, or leave the ` +
        'variable empty.',
      { details: { draft: draftId } },
    );
  const draft = requireKind(stored.manifest, 'decoder');
  return sharesTokenizer(manifest, draft) ? draft : null;
}

/**
 * Bytes of a model with its draft model: one JavaScript heap, two WebAssembly memories.
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers when both do not fit.
 */
export function bytesWithDraft(
  manifest: DecoderManifest,
  plan: MemoryPlan,
  draft: DecoderManifest,
  options: PlanOptions,
): number {
  const { budgetBytes } = plan;
  const ofDraft = planMemory(draft, { ...options, memoryBudgetBytes: null });
  const totalBytes = plan.totalBytes + ofDraft.totalBytes - ofDraft.jsHeapBytes;
  if (budgetBytes === null || totalBytes <= budgetBytes) return totalBytes;
  throw new EngineError(
    'E_MEMORY_BUDGET',
    `memory plan: ${manifest.id} needs ${plan.totalBytes} bytes and its draft model ${draft.id} ` +
      `${ofDraft.totalBytes - ofDraft.jsHeapBytes} more, the budget is ${budgetBytes}. ` +
      'Use a smaller draft model or less context, or leave DRAFT_MODEL empty.',
    {
      details: {
        ...{ totalBytes, budgetBytes, modelBytes: plan.totalBytes },
        draftBytes: ofDraft.totalBytes - ofDraft.jsHeapBytes,
      },
    },
  );
}
