/** A picture as rows that a language model reads, by the eyes of its adapter: in the stage of the encoder they see through. */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { PromptSegment } from '../../../engine/generate/prompt.ts';
import type { StoredEyes } from '../../../engine/manifest/adapters.ts';
import type { AdapterFile } from '../../platform/adapter-files.ts';
import type { Caller } from '../../platform/caller.ts';
import type { ServingEnv } from '../env.ts';
import { findSeeing, projectPicture } from './project-picture.ts';

export type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

/** An adapter that sees. */
export interface SeeingAdapterFile extends AdapterFile {
  readonly eyes: StoredEyes;
}

/** Rows that are kept, of all pictures together: 37 kB a picture of the default model. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

const kept = new RecentCache<string, RowsSegment>({
  maxSize: MAX_KEPT_BYTES,
  sizeOf: ({ rows }) => rows.byteLength,
});

/**
 * The same picture again is not looked at again. What is kept belongs to the subject that sent it: how fast an answer comes
 * tells nobody what others have sent.
 * @param modelId for errors
 * @throws {EngineError} E_MODEL_NOT_FOUND when the encoder is not there, E_ADAPTER_BASE when another is; E_IMAGE_INVALID;
 *   errors of the scripts
 */
export async function seeWithEyes(
  env: ServingEnv,
  caller: Caller,
  modelId: string,
  adapter: SeeingAdapterFile,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<RowsSegment> {
  const { id, base, eyes } = adapter;
  const encoder = await findSeeing(env, modelId, eyes);
  const key = `${encodeURIComponent(caller.subject)} ${base}:${id} ${encoder.version} ${await sha256Hex(bytes)}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const rows = await projectPicture(env, caller, encoder, { id, base, eyes }, bytes);
  const hash = await sha256Hex(
    new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength).slice(),
  );
  const segment: RowsSegment = { kind: 'rows', rows, hash };
  kept.set(key, segment);
  return segment;
}
