/** A picture as rows that a text model reads, by the vision tower it was imported with: in the stage of that tower. */
import { EngineError } from '../../../engine/base/errors.ts';
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import { framedPicture, framedPositions } from '../../../engine/generate/picture-frame.ts';
import type { PromptSegment } from '../../../engine/generate/prompt.ts';
import type { Sight } from '../../../engine/manifest/sight.ts';
import { servedContext } from '../../../engine/model/decoder/plan.ts';
import { asOneSquare, prepareSquares, tileGrid } from '../../../engine/vision/prepare-squares.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import { type Caller, EVERY_MODEL } from '../../platform/caller.ts';
import { ask } from '../../platform/rpc.ts';
import { readCount } from '../../platform/vars.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind, type ModelOfKind, type ServedModel } from '../models/model-store.ts';

type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

/** Who looks, and where. */
export interface Sighted {
  readonly model: ServedModel;
  readonly sight: Sight;
  /** Whether the picture is looked at as one square. */
  readonly isWhole: boolean;
  /** The part, for errors. */
  readonly path: string;
  /** Positions of the prompt without this picture and those after it. */
  readonly nBefore: number;
}

export interface SeenPicture {
  readonly segments: readonly PromptSegment[];
  /** Positions of all of them. */
  readonly nPosition: number;
  readonly nSquare: number;
}

/** Longest side of what is decoded: what is larger is made smaller on the way. */
const MAX_SIDE = 2048;
/** Room for an answer in the context that an error proposes. */
const ANSWER_TOKENS = 256;
/** Rows that are kept, of all pictures together: 2.5 MB a picture of 17 squares of 64 rows of 576 values. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

const kept = new RecentCache<string, SeenPicture>({
  maxSize: MAX_KEPT_BYTES,
  sizeOf: ({ segments }) =>
    segments.reduce((sum, one) => sum + (one.kind === 'rows' ? one.rows.byteLength : 0), 0),
});

/**
 * The same picture again is not looked at again. What is kept belongs to the subject that sent it: how fast an answer comes
 * tells nobody what others have sent.
 * @throws {EngineError} E_MODEL_NOT_FOUND when the tower is not there, E_MODEL_KIND when another model has its name;
 *   E_IMAGE_INVALID; E_PROMPT_TOO_LONG before anything is computed; errors of the scripts
 */
export async function seeWithTower(
  env: ServingEnv,
  { requestId, subject }: Caller,
  seeing: Sighted,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<SeenPicture> {
  const { model, sight, isWhole } = seeing;
  const tower = await findTower(env, model.id, sight);
  const of = `${model.manifest.id} ${tower.id} ${tower.version} ${isWhole}`;
  const key = `${encodeURIComponent(subject)} ${of} ${await sha256Hex(bytes)}`;
  const known = kept.get(key);
  if (known !== undefined) {
    requireRoom(env, seeing, known);
    return known;
  }
  const { picture } = await ask<ReadPicture>('documents', () =>
    env.DOCUMENTS.readPicture({ requestId }, bytes, MAX_SIDE),
  );
  const { preparation: usual, side } = tower.manifest.config;
  const preparation = isWhole ? asOneSquare(usual) : usual;
  const { nRow, nColumn } = tileGrid(picture, preparation, side);
  const size = { nPosition: framedPositions(sight, nRow, nColumn), nSquare: nRow * nColumn + 1 };
  requireRoom(env, seeing, size);
  const { tiles, whole } = prepareSquares(picture, preparation, side);
  const { stage, place } = stageOf(env, tower);
  const show = async ({ rgb }: Picture): Promise<RowsSegment> => {
    const rows = await ask<Float32Array>('stage', () =>
      stage.showTile({ requestId, subject }, place, rgb),
    );
    const values = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    return { kind: 'rows', rows, hash: await sha256Hex(values.slice()) };
  };
  const rows: RowsSegment[][] = [];
  for (const line of tiles) {
    const shown: RowsSegment[] = [];
    for (const tile of line) shown.push(await show(tile));
    rows.push(shown);
  }
  const segments = framedPicture(sight, { tiles: rows, whole: await show(whole) });
  const seen = { segments, ...size };
  kept.set(key, seen);
  return seen;
}

/** @throws {EngineError} E_PROMPT_TOO_LONG for a picture that the context has no room for */
function requireRoom(
  env: ServingEnv,
  { model, path, nBefore }: Sighted,
  { nPosition, nSquare }: Pick<SeenPicture, 'nPosition' | 'nSquare'>,
): void {
  const wanted = model.named.placed?.nCtx ?? readCount(env.CONTEXT_TOKENS) ?? undefined;
  const nCtx = servedContext(model.manifest.config, wanted);
  const promptTokens = nBefore + nPosition;
  if (promptTokens <= nCtx) return;
  const { id, config } = model.manifest;
  const better = Math.min(config.nCtx, promptTokens + ANSWER_TOKENS);
  const place =
    better <= promptTokens
      ? ''
      : `, or place the model with more context: thimble push ${id} --ctx ${better}`;
  throw new EngineError(
    'E_PROMPT_TOO_LONG',
    `${path}: a picture of ${nSquare} squares takes ${nPosition} tokens, with what is before it at least ${promptTokens}, but this model's maximum context length is ${nCtx} tokens (${model.id}). Send fewer or other pictures${place}.`,
    { param: path, details: { nSquare, promptTokens, nCtx } },
  );
}

async function findTower(
  { MODELS }: ServingEnv,
  modelId: string,
  { tower, towerSha256 }: Sight,
): Promise<ModelOfKind<'tower'>> {
  const found = await findModelOfKind(MODELS, tower, 'tower', EVERY_MODEL).catch(
    (cause: unknown) => {
      if (!(cause instanceof EngineError) || cause.code !== 'E_MODEL_NOT_FOUND') throw cause;
      throw new EngineError(
        'E_MODEL_NOT_FOUND',
        `model: ${modelId} sees through ${tower}, which is not on this server. Push it: thimble push ${tower}.`,
        { param: 'model', details: { model: modelId, tower }, cause },
      );
    },
  );
  if (found.manifest.sourceSha256 === towerSha256) return found;
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: ${modelId} was imported with another ${tower} than is on this server. Import and push both again.`,
    { param: 'model', details: { model: modelId, tower } },
  );
}
