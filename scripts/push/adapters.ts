/** Adapters in a bucket: each lies beside its base, and one record names them all. */
import type { Eyes, SeeingAdapter } from '../../engine/adapters/eyes.ts';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { type Tower, towerBaseHash } from '../../engine/adapters/tower.ts';
import type { TrainedPrefix } from '../../engine/adapters/prefix.ts';
import {
  baseHash,
  decodeStored,
  encodePrefix,
  encodeStored,
  floatPairs,
} from '../../engine/adapters/stored.ts';
import type { StoredAdapter } from '../../engine/adapters/stored.ts';
import type { FloatPair } from '../../engine/adapters/adapter.ts';
import { EngineError } from '../../engine/base/errors.ts';
import {
  adapterModelId,
  isAdapterName,
  MAX_ADAPTER_BYTES,
  MAX_ADAPTERS,
  parseAdapterList,
  splitName,
} from '../../engine/manifest/adapters.ts';
import type { AdapterList, AdapterRecord, StoredEyes } from '../../engine/manifest/adapters.ts';
import { eyesBytes } from '../../engine/model/vision/projector.ts';
import { MODEL_ID_PATTERN, parseManifest, requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, EncoderManifest } from '../../engine/manifest/manifest.ts';
import { adaptersKey, manifestKey, modelKey } from '../../worker/platform/model-keys.ts';
import { hashBytes } from '../lib/hash-file.ts';
import type { Bucket } from './bucket.ts';

/** Times a change is made again on what somebody else wrote meanwhile. */
const MAX_TRIES = 5;
const NO_ADAPTERS: AdapterList = { version: 1, adapters: [] };

/** A base and one of its adapters. */
export interface AdapterName {
  readonly base: string;
  readonly name: string;
}

export interface AddAdapterOptions {
  readonly licence: string;
  /** Where it is from. */
  readonly source: string;
}

/** What was listed or added. */
export interface BaseAdapter extends AdapterRecord {
  readonly base: string;
}

/** `BASE:NAME` as its parts. @throws {EngineError} E_USAGE */
export function parseAdapterName(text: string): AdapterName {
  const { base, adapter } = splitName(text);
  if (adapter !== null && MODEL_ID_PATTERN.test(base) && isAdapterName(adapter))
    return { base, name: adapter };
  throw new EngineError(
    'E_USAGE',
    `adapter: ${JSON.stringify(text.slice(0, 140))}; expected BASE:NAME, such as smollm2-135m-instruct:support, ` +
      'each of lower-case letters, digits, dots and dashes, at most 64; NAME is not "latest".',
  );
}

/** The text model that a bucket serves under an id. @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND */
export async function readBase(bucket: Bucket, id: string): Promise<DecoderManifest> {
  return requireKind(await readTextedBase(bucket, id), 'decoder');
}

/**
 * The text model, or the embedding model, that a bucket serves under an id.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND
 */
export async function readTextedBase(
  bucket: Bucket,
  id: string,
): Promise<DecoderManifest | EncoderManifest> {
  const text = await bucket.getText(manifestKey(id));
  if (text !== null) {
    const manifest = parseManifest(JSON.parse(text));
    return manifest.kind === 'encoder' ? manifest : requireKind(manifest, 'decoder');
  }
  const known = await bucket.listModelIds();
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `adapter: no model ${JSON.stringify(id)} in ${bucket.label}${known === null ? '' : `; expected one of: ${known.join(', ') || 'there are none yet'}`}. ` +
      `Push the base first: thimble push ${id}`,
    { details: { base: id } },
  );
}

/** @throws {EngineError} E_MANIFEST_INVALID */
export async function readAdapters(bucket: Bucket, base: string): Promise<AdapterList> {
  return parseStored(base, await bucket.getText(adaptersKey(base)));
}

function parseStored(base: string, text: string | null): AdapterList {
  return text === null ? NO_ADAPTERS : parseAdapterList(adaptersKey(base), text);
}

/**
 * Stores an adapter, in place of one of the same name: its file first, then the record that names it.
 * @param adapter as it was read for `manifest`
 * @throws {EngineError} E_ADAPTER_UNSUPPORTED, E_USAGE for too many; E_BUSY, E_BACKEND_UNAVAILABLE
 */
export async function addAdapter(
  bucket: Bucket,
  { base, name }: AdapterName,
  adapter: SeeingAdapter | TrainedPrefix,
  manifest: DecoderManifest,
  { licence, source }: AddAdapterOptions,
): Promise<AdapterRecord> {
  const { bytes, regionBytes, facts } = encoded(adapter, manifest);
  const eyes = isTrainedPrefix(adapter) || adapter.eyes === undefined ? null : adapter.eyes;
  const stored = eyes === null ? null : storedEyes(name, eyes);
  if (bytes.length > MAX_ADAPTER_BYTES)
    throw new EngineError(
      'E_ADAPTER_UNSUPPORTED',
      `adapter ${name}: takes ${bytes.length} bytes; expected at most ${MAX_ADAPTER_BYTES}. Train one of a smaller rank, or a shorter prefix.`,
      { details: { bytes: bytes.length } },
    );
  const record: AdapterRecord = {
    name,
    baseSha256: await baseHash(manifest),
    ...{ ...facts, eyes: stored, tower: null },
    baseName: adapter.baseName,
    ...describedBy({ licence, source }),
    ...{ file: `${name}.adapter`, bytes: bytes.length, sha256: hashBytes(bytes), regionBytes },
  };
  await bucket.put(modelKey(base, record), bytes, record.sha256);
  if (eyes !== null && stored !== null)
    await bucket.put(modelKey(base, stored), eyes.bytes, stored.sha256);
  await putRecord(bucket, base, record);
  return record;
}

/**
 * Stores an image tower beside its embedding model, in place of one of the same name.
 * @param tower as it was read for `manifest`
 * @throws {EngineError} E_USAGE for too many; E_BUSY, E_BACKEND_UNAVAILABLE
 */
export async function addTower(
  bucket: Bucket,
  { base, name }: AdapterName,
  { facts, bytes }: Tower,
  manifest: EncoderManifest,
  described: AddAdapterOptions,
): Promise<AdapterRecord> {
  const record: AdapterRecord = {
    name,
    baseSha256: await towerBaseHash(manifest),
    ...{ rank: 0, alpha: 0, projections: [], nTarget: 0, nPrefix: 0, activation: null },
    ...{ eyes: null, tower: facts, baseName: null },
    ...describedBy(described),
    ...{ file: `${name}.tower`, bytes: bytes.length, sha256: hashBytes(bytes) },
    regionBytes: eyesBytes(facts),
  };
  await bucket.put(modelKey(base, record), bytes, record.sha256);
  await putRecord(bucket, base, record);
  return record;
}

function describedBy({ licence, source }: AddAdapterOptions) {
  return {
    licence: licence.slice(0, 200),
    source: source.slice(0, 500),
    createdAt: new Date().toISOString(),
  };
}

/** Names an adapter whose files are there, and deletes those of the one before it. */
async function putRecord(bucket: Bucket, base: string, record: AdapterRecord): Promise<void> {
  const { name } = record;
  const replaced = await changeAdapters(bucket, base, ({ adapters }) => {
    const others = adapters.filter((other) => other.name !== name);
    if (others.length >= MAX_ADAPTERS)
      throw new EngineError(
        'E_USAGE',
        `adapter: ${base} has ${MAX_ADAPTERS} adapters already. Remove one: thimble adapter rm ${base}:NAME.`,
      );
    return [...others, record];
  });
  await deleteUnnamed(bucket, base, replaced);
}

/** Eyes as the record has them. */
function storedEyes(name: string, { facts, bytes }: Eyes): StoredEyes {
  return {
    ...facts,
    ...{ file: `${name}.eyes`, bytes: bytes.length, sha256: hashBytes(bytes) },
    regionBytes: eyesBytes(facts),
  };
}

/** The files of an adapter. */
function filesOf(record: AdapterRecord): (AdapterRecord | StoredEyes)[] {
  return record.eyes === null ? [record] : [record, record.eyes];
}

type AdapterFacts = Pick<
  AdapterRecord,
  'rank' | 'alpha' | 'projections' | 'nTarget' | 'nPrefix' | 'activation'
>;

/** An adapter as a file, and what its record says of its kind. */
function encoded(
  adapter: SeeingAdapter | TrainedPrefix,
  manifest: DecoderManifest,
): StoredAdapter & { readonly facts: AdapterFacts } {
  if (isTrainedPrefix(adapter)) {
    const { nPosition: nPrefix } = adapter;
    const facts = { rank: 0, alpha: 0, projections: [], nTarget: 0, nPrefix, activation: null };
    return { ...encodePrefix(adapter, manifest), facts };
  }
  const { rank, alpha, activation, pairs } = adapter;
  const projections = [...pairs.keys()].map((key) => key.slice(key.lastIndexOf('.') + 1));
  const facts = {
    ...{ rank, alpha, projections: [...new Set(projections)], nTarget: pairs.size, nPrefix: 0 },
    activation: activation === null ? null : [...activation],
  };
  return { ...encodeStored(adapter), facts };
}

/** @throws {EngineError} E_MODEL_NOT_FOUND for one that the bucket does not have */
export async function removeAdapter(bucket: Bucket, { base, name }: AdapterName): Promise<void> {
  const before = await changeAdapters(bucket, base, ({ adapters }) => {
    requireRecord(adapters, { base, name });
    return adapters.filter((other) => other.name !== name);
  });
  await deleteUnnamed(bucket, base, before);
}

/** The adapters of all models of a bucket, or of one. */
export async function listAdapters(
  bucket: Bucket,
  bases: readonly string[],
): Promise<BaseAdapter[]> {
  const found: BaseAdapter[] = [];
  // One after the other: wrangler writes each into one file.
  for (const base of bases)
    for (const record of (await readAdapters(bucket, base)).adapters)
      found.push({ ...record, base });
  return found;
}

/** An adapter's pairs from the bucket, checked. @throws {EngineError} E_MODEL_NOT_FOUND, E_WEIGHTS_HASH */
export async function fetchAdapter(
  bucket: Bucket,
  name: AdapterName,
): Promise<{ readonly record: AdapterRecord; readonly pairs: ReadonlyMap<string, FloatPair> }> {
  const record = requireRecord((await readAdapters(bucket, name.base)).adapters, name);
  if (record.tower !== null)
    throw new EngineError(
      'E_USAGE',
      `adapter: ${adapterModelId(name.base, name.name)} is an image tower, which has nothing to merge.`,
    );
  const key = modelKey(name.base, record);
  const bytes = await bucket.getBytes(key);
  if (bytes === null || hashBytes(bytes) !== record.sha256)
    throw new EngineError(
      'E_WEIGHTS_HASH',
      `storage: ${key} is missing or damaged. Add the adapter again.`,
      { details: { key } },
    );
  return { record, pairs: floatPairs(await decodeStored(name.name, bytes)) };
}

/** Keys of a model's adapters and their record. */
export async function keysOfAdapters(bucket: Bucket, base: string): Promise<string[]> {
  const text = await bucket.getText(adaptersKey(base));
  if (text === null) return [];
  try {
    const { adapters } = parseStored(base, text);
    return [...adapters.flatMap(filesOf).map((file) => modelKey(base, file)), adaptersKey(base)];
  } catch {
    // Of a record that cannot be read nothing else is known.
    return [adaptersKey(base)];
  }
}

function requireRecord(adapters: readonly AdapterRecord[], { base, name }: AdapterName) {
  const record = adapters.find((one) => one.name === name);
  if (record !== undefined) return record;
  const known = adapters.map((one) => adapterModelId(base, one.name)).join(', ');
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `adapter: no adapter ${JSON.stringify(adapterModelId(base, name))}; expected one of: ${known || 'there are none yet'}. ` +
      'List them: thimble adapter ls',
    { details: { base, name } },
  );
}

/** Deletes the files that only records before the last change name. */
async function deleteUnnamed(
  bucket: Bucket,
  base: string,
  before: readonly AdapterRecord[],
): Promise<void> {
  const { adapters } = await readAdapters(bucket, base);
  const named = new Set(adapters.flatMap(filesOf).map((file) => modelKey(base, file)));
  for (const file of before.flatMap(filesOf)) {
    const key = modelKey(base, file);
    if (!named.has(key)) await bucket.delete(key);
  }
}

/** Of two changes at the same time the later is made on the result of the earlier. @returns those before the change */
async function changeAdapters(
  bucket: Bucket,
  base: string,
  change: (list: AdapterList) => AdapterRecord[],
): Promise<readonly AdapterRecord[]> {
  const key = adaptersKey(base);
  for (let i = 0; i < MAX_TRIES; i++) {
    const text = await bucket.getText(key);
    const before = parseStored(base, text);
    const after: AdapterList = { version: 1, adapters: change(before) };
    const written = `${JSON.stringify(after)}\n`;
    // What is written is what readers will accept.
    parseAdapterList(key, written);
    const bytes = new TextEncoder().encode(written);
    if (await bucket.putIfSame(key, bytes, hashBytes(bytes), text)) return before.adapters;
  }
  throw new EngineError(
    'E_BUSY',
    `adapter: others changed ${key} ${MAX_TRIES} times meanwhile. Try again.`,
  );
}
