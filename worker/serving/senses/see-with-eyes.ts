/** A picture as rows that a language model reads, by the eyes of its adapter: in the stage of the encoder they see through. */
import { encoderHash } from '../../../engine/adapters/eyes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { PromptSegment } from '../../../engine/generate/prompt.ts';
import type { StoredEyes } from '../../../engine/manifest/adapters.ts';
import type { VisionManifest } from '../../../engine/manifest/manifest.ts';
import { resize } from '../../../engine/vision/resize.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import type { AdapterFile } from '../../platform/adapter-files.ts';
import { type Caller, EVERY_MODEL } from '../../platform/caller.ts';
import { ask } from '../../platform/rpc.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind, type ModelOfKind } from '../models/model-store.ts';

export type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

/** An adapter that sees. */
export interface SeeingAdapterFile extends AdapterFile {
  readonly eyes: StoredEyes;
}

/** Longest side of what is decoded: what is larger is made smaller on the way. */
const MAX_SIDE = 1280;
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
  { requestId, subject }: Caller,
  modelId: string,
  adapter: SeeingAdapterFile,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<RowsSegment> {
  const { id, base, eyes } = adapter;
  const encoder = await findEncoder(env, modelId, eyes);
  const key = `${encodeURIComponent(subject)} ${base}:${id} ${encoder.version} ${await sha256Hex(bytes)}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const { picture } = await ask<ReadPicture>('documents', () =>
    env.DOCUMENTS.readPicture({ requestId }, bytes, MAX_SIDE),
  );
  const { side } = encoder.manifest.config;
  const { rgb } = resize(picture, side, side, 'cubic');
  const { stage, place } = stageOf(env, encoder);
  const seen = { ...place, eyes: { id, base, eyes } };
  const rows = await ask<Float32Array>('stage', () =>
    stage.show({ requestId, subject }, seen, rgb),
  );
  const hash = await sha256Hex(
    new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength).slice(),
  );
  const segment: RowsSegment = { kind: 'rows', rows, hash };
  kept.set(key, segment);
  return segment;
}

async function findEncoder(
  { MODELS }: ServingEnv,
  modelId: string,
  { encoder, encoderSha256 }: StoredEyes,
): Promise<ModelOfKind<'vision'>> {
  const found = await findModelOfKind(MODELS, encoder, 'vision', EVERY_MODEL).catch(
    (cause: unknown) => {
      if (!(cause instanceof EngineError) || !MISSING.has(cause.code)) throw cause;
      throw new EngineError(
        'E_MODEL_NOT_FOUND',
        `model: ${modelId} sees through ${encoder}, which is not on this server. Get it: thimble pull ${encoder}, then thimble import ${encoder} and thimble push ${encoder}; or start the server with thimble dev --also ${encoder}.`,
        { param: 'model', details: { model: modelId, encoder }, cause },
      );
    },
  );
  if ((await hashOf(found.manifest)) === encoderSha256) return found;
  throw new EngineError(
    'E_ADAPTER_BASE',
    `model: ${modelId} was trained with another ${encoder} than is on this server. Push that one, or train the adapter again.`,
    { param: 'model', details: { model: modelId, encoder } },
  );
}

/** A model of that name may be of another kind. */
const MISSING: ReadonlySet<string> = new Set(['E_MODEL_NOT_FOUND', 'E_MODEL_KIND']);

const hashes = new WeakMap<VisionManifest, Promise<string>>();

function hashOf(manifest: VisionManifest): Promise<string> {
  const known = hashes.get(manifest) ?? encoderHash(manifest);
  hashes.set(manifest, known);
  return known;
}
