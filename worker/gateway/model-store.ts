/**
 * Models as the gateway needs them: manifest, tokenizer and chat template, read from R2, checked
 * against the manifest's SHA-256 and kept for the life of the isolate, a few at a time.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { Vocabulary, type VocabularyParts } from '../../engine/grammar/index.ts';
import type { Manifest } from '../../engine/formats/manifest.ts';
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { TRIGGERS } from './output/tool-formats.ts';
import {
  listModelIds,
  modelKey,
  readManifest,
  retryR2,
  type StoredManifest,
} from '../model-files.ts';

export interface ServedModel {
  readonly id: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
  /** Throws E_TEMPLATE when used, not when the model is read, if the template does not parse. */
  chatTemplate(): ChatTemplate;
  /** What token ids stand for, for a stage that holds answers to grammars. */
  readonly vocabulary: () => Promise<VocabularyParts>;
}

interface Entry {
  readonly model: ServedModel;
  checkedAtMs: number;
}

/** A tokenizer costs about 15 times its JSON in memory; the isolate has 128 MB. */
const MAX_KEPT_JSON_BYTES = 4 * 1024 * 1024;
/** How long a manifest is believed before R2 is asked whether it changed. */
const RECHECK_MS = 2000;

/** In order of last use. */
const kept = new Map<string, Entry>();
const loading = new Map<string, Promise<ServedModel>>();

/** @throws {EngineError} E_MODEL_NOT_FOUND with the list of models. */
export async function findModel(bucket: R2Bucket, modelId: string): Promise<ServedModel> {
  const entry = kept.get(modelId);
  if (entry !== undefined && Date.now() - entry.checkedAtMs < RECHECK_MS) return touch(entry);
  // Requests that come meanwhile wait for the same answer.
  const underway = loading.get(modelId);
  if (underway !== undefined) return await underway;
  const promise = refresh(bucket, modelId, entry).finally(() => loading.delete(modelId));
  loading.set(modelId, promise);
  return await promise;
}

async function refresh(
  bucket: R2Bucket,
  modelId: string,
  entry: Entry | undefined,
): Promise<ServedModel> {
  const stored = await readManifest(bucket, modelId, entry?.model.version);
  if (stored === null) {
    kept.delete(modelId);
    throw await modelNotFound(bucket, modelId);
  }
  if (stored === 'unchanged' && entry !== undefined) {
    entry.checkedAtMs = Date.now();
    return touch(entry);
  }
  const model = await loadModel(bucket, stored as StoredManifest);
  return touch({ model, checkedAtMs: Date.now() });
}

async function loadModel(
  bucket: R2Bucket,
  { manifest, version }: StoredManifest,
): Promise<ServedModel> {
  const facts = manifest.tokenizer;
  const key = modelKey(manifest.id, facts.file);
  const bytes = await retryR2(key, async () => {
    const object = await bucket.get(key);
    if (object === null)
      throw new EngineError(
        'E_WEIGHTS_FETCH',
        `storage: ${key} is missing. Push the model again.`,
        {
          details: { key },
        },
      );
    return new Uint8Array(await object.arrayBuffer());
  });
  const got = await sha256Hex(bytes);
  if (got !== facts.sha256)
    throw new EngineError(
      'E_WEIGHTS_HASH',
      `storage: ${key}: SHA-256 expected ${facts.sha256}, got ${got}. Push the model again.`,
      { details: { key, expected: facts.sha256, got } },
    );
  const tokenizer = Tokenizer.parse(new TextDecoder().decode(bytes), facts);
  let template: ChatTemplate | null = null;
  return {
    id: manifest.id,
    version,
    manifest,
    tokenizer,
    chatTemplate: () => (template ??= new ChatTemplate(manifest.chatTemplate)),
    vocabulary: () => Promise.resolve(vocabularyOf(tokenizer, manifest.config.nVocab)),
  };
}

/** Asked for once by each stage; sorted for a tenth of a second, not worth keeping here. */
export function vocabularyOf(tokenizer: Tokenizer, nVocab: number): VocabularyParts {
  const decoder = new TextDecoder();
  const bytesOf = (token: number): Uint8Array | null => {
    if (token >= tokenizer.nVocab) return null;
    const bytes = tokenizer.tokenBytes(token);
    return tokenizer.isSpecial(token) && !TRIGGERS.has(decoder.decode(bytes)) ? null : bytes;
  };
  const endTokens = tokenizer.facts.eosIds;
  return new Vocabulary({ nVocab, bytesOf, endTokens }).parts;
}

/** Puts the entry last in line for eviction. */
function touch(entry: Entry): ServedModel {
  const { model } = entry;
  kept.delete(model.id);
  kept.set(model.id, entry);
  let jsonBytes = 0;
  for (const { model: other } of kept.values()) jsonBytes += other.manifest.tokenizer.bytes;
  for (const [id, { model: other }] of kept) {
    if (jsonBytes <= MAX_KEPT_JSON_BYTES || id === model.id) break;
    kept.delete(id);
    jsonBytes -= other.manifest.tokenizer.bytes;
  }
  return model;
}

export async function modelNotFound(bucket: R2Bucket, modelId: string): Promise<EngineError> {
  const models = await listModelIds(bucket);
  const known = models.length === 0 ? 'there are none yet' : models.join(', ');
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no model ${JSON.stringify(modelId.slice(0, 100))}; expected one of: ${known}.`,
    { param: 'model', details: { models } },
  );
}
