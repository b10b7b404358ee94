/** One picture as words: decoded in the documents script, then given to each describer that has its model. */
import { EngineError, errorFromRecord, errorToRecord } from '../../../engine/base/errors.ts';
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import type { Caller } from '../../platform/caller.ts';
import { EVERY_MODEL } from '../../platform/caller.ts';
import { ask } from '../../platform/rpc.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind } from '../models/model-store.ts';
import type { Describer, PictureFacts } from './describer.ts';
import { DESCRIBERS } from './describers.ts';
import { visionOf } from './fields.ts';
import type { SentPicture } from './picture-bytes.ts';

/** Longest side that describers see. */
const MAX_SIDE = 1280;
/** Characters of all words that are kept. */
const MAX_KEPT_CHARS = 1_000_000;
const MAX_KEPT = 256;

/** What is said of a picture, and by what. */
export interface Description extends Partial<PictureFacts> {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly string[];
}

/** A describer and the id of its model, '' for none. */
interface Ready {
  readonly describer: Describer;
  readonly modelId: string;
  readonly version: string;
}

export interface ReadyDescribers {
  readonly ready: readonly Ready[];
  /** Names of those that have no model, and what would give them one. */
  readonly missing: readonly { readonly name: string; readonly fix: string }[];
  /** Whether any of them has a model: sizes and colours alone say too little. */
  readonly hasModel: boolean;
}

/** Looks for the models that the deployment names. @throws {EngineError} E_WEIGHTS_FETCH */
export async function readyDescribers(env: ServingEnv): Promise<ReadyDescribers> {
  const ready: Ready[] = [];
  const missing: { name: string; fix: string }[] = [];
  for (const describer of DESCRIBERS) {
    const { name } = describer;
    if (describer.model === null) {
      ready.push({ describer, modelId: '', version: '' });
      continue;
    }
    const modelId = describer.model.id(env);
    const version = await versionOf(env, modelId, describer.model.kind);
    if (version !== null) ready.push({ describer, modelId, version });
    else missing.push({ name, fix: `thimble push ${modelId}` });
  }
  return { ready, missing, hasModel: ready.some(({ modelId }) => modelId !== '') };
}

/** For pictures of low detail: to read their text takes the most time, and the most of the context. Not if all is text. */
export function withoutText(describers: ReadyDescribers): ReadyDescribers {
  const ready = describers.ready.filter(({ describer }) => describer.name !== 'text');
  return ready.length === 0 ? describers : { ...describers, ready };
}

/** Whether chats take pictures here. @throws {EngineError} E_WEIGHTS_FETCH */
export async function readsPictures(env: ServingEnv): Promise<boolean> {
  return visionOf(env, undefined) !== 'off' && (await readyDescribers(env)).hasModel;
}

const MISSING: ReadonlySet<string> = new Set(['E_MODEL_NOT_FOUND', 'E_MODEL_KIND']);

/** Null where the model is missing, or the script that runs it. */
async function versionOf(
  env: ServingEnv,
  modelId: string,
  kind: 'onnx' | 'vision',
): Promise<string | null> {
  if (kind === 'onnx' && env.ONNX === undefined) return null;
  try {
    return (await findModelOfKind(env.MODELS, modelId, kind, EVERY_MODEL)).version;
  } catch (error) {
    // A model of that name may be of another kind.
    const isMissing = error instanceof EngineError && MISSING.has(error.code);
    if (isMissing) return null;
    throw error;
  }
}

const kept = new RecentCache<string, Description>({
  maxEntries: MAX_KEPT,
  maxSize: MAX_KEPT_CHARS,
  sizeOf: ({ lines, text = [] }) =>
    JSON.stringify(lines).length + JSON.stringify(text).length + 500,
});

/**
 * The same picture again is not described again. What is kept belongs to the subject that sent it: how fast an answer
 * comes tells nobody what others have sent.
 * @param param field of the picture, for errors
 * @throws {EngineError} E_IMAGE_INVALID; errors of the scripts
 */
export async function describePicture(
  env: ServingEnv,
  caller: Caller,
  { bytes }: SentPicture,
  { ready }: ReadyDescribers,
  param: string,
): Promise<Description> {
  const models = ready.map(({ modelId, version }) => `${modelId}@${version}`).join(' ');
  const key = `${encodeURIComponent(caller.subject)} ${models} ${await sha256Hex(bytes)}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  try {
    const file = await ask<ReadPicture>('documents', () =>
      env.DOCUMENTS.readPicture({ requestId: caller.requestId }, bytes, MAX_SIDE),
    );
    const described = await describe(env, caller, file, ready);
    kept.set(key, described);
    return described;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_IMAGE_INVALID') throw error;
    throw errorFromRecord({ ...errorToRecord(error), param });
  }
}

async function describe(
  env: ServingEnv,
  caller: Caller,
  file: ReadPicture,
  ready: readonly Ready[],
): Promise<Description> {
  const { width, height } = file.size;
  const lines = [`The picture is ${width} x ${height} pixels, ${shapeOf(width, height)}.`];
  let facts: Partial<PictureFacts> = {};
  for (const { describer, modelId } of ready) {
    const words = await describer.describe({ env, caller, modelId }, file.picture, file);
    lines.push(...words.lines);
    facts = { ...facts, ...words.data };
  }
  return { format: file.format, width, height, ...facts, lines };
}

function shapeOf(width: number, height: number): string {
  if (width === height) return 'square';
  return width > height ? 'landscape' : 'portrait';
}
