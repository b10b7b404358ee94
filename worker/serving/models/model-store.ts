/**
 * Models as the gateway needs them: manifest, tokenizer and chat template, read from R2, verified
 * against the manifest's SHA-256 and cached for the life of the isolate, a few at a time.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { inTurns } from '../../../engine/base/turns.ts';
import { readAdapters } from '../../platform/adapter-files.ts';
import type { AdapterFile, TowerFile } from '../../platform/adapter-files.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { VocabularyParts } from '../../../engine/grammar/index.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { checkAgainst } from '../../../engine/manifest/placement.ts';
import type {
  DecoderManifest,
  ManifestOf,
  ModelKind,
  TextedManifest,
} from '../../../engine/manifest/manifest.ts';
import { ChatTemplate } from '../../../engine/text/chat-template.ts';
import { tokenVocabularySteps } from '../../../engine/text/token-vocabulary.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { TRIGGERS } from '../output/tool-formats.ts';
import {
  listModelIds,
  readManifest,
  readManifestVersion,
  readModelFile,
  type StoredManifest,
} from '../../platform/model-files.ts';
import { modelKey } from '../../platform/model-keys.ts';
import { SharedWork } from '../../platform/shared-work.ts';
import { takeTurn } from '../../platform/turns.ts';
import { findAdapter, findTower, mayUseAdapter } from './adapters.ts';
import { resolveModel } from './model-names.ts';
import type { NamedModel } from './model-names.ts';

/** A model of one kind. */
export interface ModelOfKind<K extends ModelKind = ModelKind> {
  readonly id: string;
  readonly version: string;
  readonly manifest: ManifestOf<K>;
  /** What it was called, and where it lies. */
  readonly named: NamedModel;
  readonly tokenizer: ManifestOf<K> extends TextedManifest ? Tokenizer : null;
  /** The adapter that changes it; `id` then names both, and the manifest is the base's. */
  readonly adapter?: AdapterFile;
  /** Of an embedding model, what brings pictures among its vectors; `id` then names both. */
  readonly tower?: TowerFile;
  /** Whether a model over several stages has adapters. */
  readonly hasAdapters?: boolean;
}

/** A text model. */
export interface ServedModel extends ModelOfKind<'decoder'> {
  /** Parsed on use, so that a broken template throws E_TEMPLATE only then. */
  chatTemplate(): ChatTemplate;
  /** Bytes of every token, for a stage that applies grammars. */
  readonly vocabulary: () => Promise<VocabularyParts>;
}

interface Entry {
  readonly model: ModelOfKind;
  /** The same model as a text model; null for other kinds. */
  readonly text: ServedModel | null;
  readonly tokenizerBytes: number;
  checkedAtMs: number;
}

/** A tokenizer's tables take about 1.6 times the size of its JSON; the isolate has 128 MB. */
const MAX_KEPT_JSON_BYTES = 32 * 1024 * 1024;
/** How long a manifest is cached before R2 is asked whether it has changed. */
const RECHECK_MS = 2000;

const kept = new RecentCache<string, Entry>({
  maxSize: MAX_KEPT_JSON_BYTES,
  sizeOf: ({ tokenizerBytes }) => tokenizerBytes,
});
const loading = new SharedWork<Entry | null>();

/** @throws {EngineError} E_MODEL_NOT_FOUND with the list of models; E_MODEL_KIND for other kinds. */
export async function findModel(
  bucket: R2Bucket,
  modelId: string,
  access: ModelAccess,
): Promise<ServedModel> {
  const { model, text } = await findEntry(bucket, modelId, access);
  requireKind(model.manifest, 'decoder');
  return text!;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND with the list of models; E_MODEL_KIND for other kinds. */
export async function findModelOfKind<K extends ModelKind>(
  bucket: R2Bucket,
  modelId: string,
  kind: K,
  access: ModelAccess,
): Promise<ModelOfKind<K>> {
  const { model } = await findEntry(bucket, modelId, access);
  requireKind(model.manifest, kind);
  // Its manifest's kind has just been checked.
  return model as unknown as ModelOfKind<K>;
}

/** A model that may be of several kinds. @throws {EngineError} E_MODEL_NOT_FOUND with the list of models. */
export async function findAnyModel(
  bucket: R2Bucket,
  modelId: string,
  access: ModelAccess,
): Promise<ModelOfKind> {
  return (await findEntry(bucket, modelId, access)).model;
}

/** A model that the caller may not use is missing, as far as it is told. */
async function findEntry(bucket: R2Bucket, name: string, access: ModelAccess): Promise<Entry> {
  const named = await resolveModel(bucket, name);
  const { id, adapter } = named;
  const isAllowed =
    adapter === null ? mayUse(access, name, id) : mayUseAdapter(access, id, adapter, name);
  if (!isAllowed) throw await modelNotFound(bucket, name, access);
  const found = await findBase(bucket, name, { ...named, adapter: null }, access);
  const entry = isDivided(found) ? await withRoom(bucket, found) : found;
  return adapter === null ? entry : await withAdapter(bucket, entry, adapter, access);
}

async function findBase(
  bucket: R2Bucket,
  name: string,
  named: NamedModel,
  access: ModelAccess,
): Promise<Entry> {
  const key = `${named.id}@${named.placed?.version ?? ''}`;
  const entry = kept.get(key);
  if (entry !== undefined && Date.now() - entry.checkedAtMs < RECHECK_MS)
    return withPlace(entry, named);
  const loaded = await loading.run(key, () => refresh(bucket, named, key, entry));
  if (loaded === null) throw await modelNotFound(bucket, name, access);
  return withPlace(loaded, named);
}

function isDivided({ model }: Entry): boolean {
  const [first] = model.named.placed?.replicas ?? [];
  return model.manifest.kind === 'decoder' && (first?.pieces.length ?? 1) > 1;
}

/** Whether pieces leave room for adapters is a part of their place: all calls must agree. */
async function withRoom(bucket: R2Bucket, entry: Entry): Promise<Entry> {
  const hasAdapters = (await readAdapters(bucket, entry.model.named.id)).length > 0;
  if (!hasAdapters) return entry;
  const { model, text } = entry;
  return { ...entry, model: { ...model, hasAdapters }, text: { ...text!, hasAdapters } };
}

/**
 * A base as its adapter changes it, or with its image tower.
 * @throws {EngineError} E_MODEL_KIND, E_MODEL_NOT_FOUND, E_ADAPTER_BASE
 */
async function withAdapter(
  bucket: R2Bucket,
  entry: Entry,
  name: string,
  access: ModelAccess,
): Promise<Entry> {
  const { model, text } = entry;
  const { manifest } = model;
  const called = {
    id: adapterModelId(manifest.id, name),
    named: { ...model.named, adapter: name },
  };
  if (manifest.kind === 'encoder') {
    const tower = await findTower(bucket, manifest, name, access);
    return { ...entry, model: { ...model, ...called, tower } };
  }
  const base = requireKind(manifest, 'decoder');
  const own = { ...called, adapter: await findAdapter(bucket, base, name, access) };
  return { ...entry, model: { ...model, ...own }, text: { ...text!, ...own } };
}

/** The same model where it lies now: it may have been moved. */
function withPlace(entry: Entry, named: NamedModel): Entry {
  if (entry.model.named.placed === named.placed) return entry;
  const { model, text } = entry;
  return {
    ...entry,
    model: { ...model, named },
    text: text === null ? null : { ...text, named },
  };
}

async function refresh(
  bucket: R2Bucket,
  named: NamedModel,
  key: string,
  entry: Entry | undefined,
): Promise<Entry | null> {
  const stored = await readStored(bucket, named, entry?.model.version);
  if (stored === null) {
    kept.delete(key);
    return null;
  }
  if (stored === 'unchanged' && entry !== undefined) {
    entry.checkedAtMs = Date.now();
    return entry;
  }
  const loaded = await loadModel(bucket, stored as StoredManifest, named);
  kept.set(key, loaded);
  return loaded;
}

/** The manifest of the version that is placed, which never changes; without a place, the present one. */
async function readStored(
  bucket: R2Bucket,
  { id, placed }: NamedModel,
  known: string | undefined,
): Promise<StoredManifest | 'unchanged' | null> {
  if (placed === null) return await readManifest(bucket, id, known);
  return known === placed.version
    ? 'unchanged'
    : await readManifestVersion(bucket, id, placed.version);
}

async function loadModel(
  bucket: R2Bucket,
  { manifest, version }: StoredManifest,
  named: NamedModel,
): Promise<Entry> {
  const { id } = manifest;
  if (named.placed !== null && manifest.kind === 'decoder')
    checkAgainst(named.placed, manifest.config);
  const checkedAtMs = Date.now();
  if (!('tokenizer' in manifest)) {
    const model = { id, version, manifest, named, tokenizer: null } as unknown as ModelOfKind;
    return { model, text: null, tokenizerBytes: 0, checkedAtMs };
  }
  const tokenizer = await loadTokenizer(bucket, id, manifest.tokenizer);
  const model = { id, version, manifest, named, tokenizer } as unknown as ModelOfKind;
  const text =
    manifest.kind === 'decoder' ? servedModel(manifest, version, named, tokenizer) : null;
  return { model, text, tokenizerBytes: manifest.tokenizer.bytes, checkedAtMs };
}

async function loadTokenizer(
  bucket: R2Bucket,
  modelId: string,
  facts: TextedManifest['tokenizer'],
): Promise<Tokenizer> {
  const key = modelKey(modelId, facts);
  const bytes = await readModelFile(bucket, modelId, facts);
  const got = await sha256Hex(bytes);
  if (got !== facts.sha256)
    throw new EngineError(
      'E_WEIGHTS_HASH',
      `storage: ${key}: SHA-256; expected ${facts.sha256}, got ${got}. Push the model again.`,
      { details: { key, expected: facts.sha256, got } },
    );
  return Tokenizer.parse(bytes, facts);
}

function servedModel(
  manifest: DecoderManifest,
  version: string,
  named: NamedModel,
  tokenizer: Tokenizer,
): ServedModel {
  let template: ChatTemplate | null = null;
  return {
    id: manifest.id,
    version,
    manifest,
    named,
    tokenizer,
    chatTemplate: () => (template ??= new ChatTemplate(manifest.chatTemplate)),
    // Each stage asks once, and sorting takes a tenth of a second: not worth caching.
    vocabulary: () =>
      inTurns(tokenVocabularySteps(tokenizer, manifest.config.nVocab, TRIGGERS), takeTurn),
  };
}

export async function modelNotFound(
  bucket: R2Bucket,
  modelId: string,
  access: ModelAccess,
): Promise<EngineError> {
  const models = (await listModelIds(bucket)).filter((id) => mayUse(access, id));
  const known = models.length === 0 ? 'there are none yet' : models.join(', ');
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no model ${JSON.stringify(modelId.slice(0, 100))}; expected one of: ${known}.`,
    { param: 'model', details: { models } },
  );
}
