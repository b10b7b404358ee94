/** Adapters in the models' bucket: their record, which every request that names one needs, and their files. */
import { decodeEyes } from '../../engine/adapters/eyes.ts';
import { decodeStored } from '../../engine/adapters/stored.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { RecentCache } from '../../engine/base/recent-cache.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { parseAdapterList } from '../../engine/manifest/adapters.ts';
import type {
  AdapterList,
  AdapterRecord,
  StoredProjector,
} from '../../engine/manifest/adapters.ts';
import { MODEL_ID_PATTERN } from '../../engine/manifest/manifest.ts';
import type { AdapterTensors } from '../../engine/model/decoder/contract.ts';
import type { EyesTensors } from '../../engine/model/vision/projector.ts';
import { BucketRecord } from './bucket-record.ts';
import { readModelFile } from './model-files.ts';
import { adaptersKey, modelKey } from './model-keys.ts';

/** How long a record is believed before R2 is asked whether it has changed. */
const RECHECK_MS = 2000;
/** Models whose records are remembered. */
const MAX_RECORDS = 1000;

/** An adapter as whoever calls a stage names it. Plain data: it travels with every call. */
export interface AdapterFile extends Pick<
  AdapterRecord,
  'file' | 'bytes' | 'sha256' | 'regionBytes' | 'activation' | 'nPrefix' | 'eyes'
> {
  /** Its name and content: another file under the same name is another adapter. */
  readonly id: string;
  /** Id of the model it lies beside. */
  readonly base: string;
}

const records = new RecentCache<string, BucketRecord<AdapterList>>({ maxEntries: MAX_RECORDS });

/** The adapters of a model. @throws {EngineError} E_WEIGHTS_FETCH, E_MANIFEST_INVALID */
export async function readAdapters(
  bucket: R2Bucket,
  base: string,
): Promise<readonly AdapterRecord[]> {
  if (!MODEL_ID_PATTERN.test(base)) return [];
  const key = adaptersKey(base);
  let record = records.get(base);
  if (record === undefined) {
    record = new BucketRecord(key, (text) => parseAdapterList(key, text), RECHECK_MS);
    records.set(base, record);
  }
  return (await record.read(bucket))?.adapters ?? [];
}

export function adapterFile(base: string, record: AdapterRecord): AdapterFile {
  const { name, file, bytes, sha256, regionBytes, activation, nPrefix, eyes } = record;
  // The same matrices beside other eyes are another adapter.
  const id = `${name}@${sha256}${eyes === null ? '' : `+${eyes.sha256}`}`;
  return { id, base, file, bytes, sha256, regionBytes, activation, nPrefix, eyes };
}

/** Eyes as whoever calls their encoder's stage names them. Plain data. */
export interface EyesFile {
  /** Of the adapter. */
  readonly id: string;
  /** Id of the model that the adapter lies beside. */
  readonly base: string;
  readonly eyes: StoredProjector;
}

/** The image tower of an embedding model, as whoever calls its encoder's stage names it. */
export interface TowerFile extends EyesFile {
  /** What cosines are multiplied with before they become probabilities. */
  readonly scale: number;
}

/** Null for a record of another kind. */
export function towerFile(base: string, record: AdapterRecord): TowerFile | null {
  const { name, file, bytes, sha256, regionBytes, tower } = record;
  if (tower === null) return null;
  const { scale, text: _text, textSha256: _hash, ...facts } = tower;
  const eyes = { ...facts, file, bytes, sha256, regionBytes };
  return { id: `${name}@${sha256}`, base, eyes, scale };
}

/** @throws {EngineError} E_WEIGHTS_FETCH, E_WEIGHTS_HASH; as `decodeEyes` */
export async function readEyesTensors(
  bucket: R2Bucket,
  { id, base, eyes }: EyesFile,
): Promise<EyesTensors> {
  return await decodeEyes(id, await readChecked(bucket, base, eyes), eyes);
}

/** The bytes of a file beside a model, whose hash is its record's. */
async function readChecked(
  bucket: R2Bucket,
  base: string,
  file: Pick<AdapterRecord, 'file' | 'bytes' | 'sha256'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readModelFile(bucket, base, file);
  const got = await sha256Hex(bytes);
  if (got === file.sha256) return bytes;
  throw new EngineError(
    'E_WEIGHTS_HASH',
    `storage: ${modelKey(base, file)}: SHA-256; expected ${file.sha256}, got ${got}. Add the adapter again.`,
    { details: { expected: file.sha256, got } },
  );
}

/**
 * The matrices of an adapter, checked against the hash of its file.
 * @param layers half-open range of those to read; all by default
 * @throws {EngineError} E_WEIGHTS_FETCH, E_WEIGHTS_HASH, E_FORMAT_INVALID, E_TENSOR_SHAPE
 */
export async function readAdapterTensors(
  bucket: R2Bucket,
  adapter: AdapterFile,
  layers?: readonly [number, number],
): Promise<AdapterTensors> {
  const { id, base } = adapter;
  const tensors = await decodeStored(id, await readChecked(bucket, base, adapter), layers);
  const nPosition = tensors.prefix?.nPosition ?? 0;
  if (nPosition === adapter.nPrefix) return tensors;
  throw new EngineError(
    'E_TENSOR_SHAPE',
    `storage: ${modelKey(base, adapter)}: a prefix of ${nPosition} positions; expected ${adapter.nPrefix}, as its record says. Add the adapter again.`,
    { details: { expected: adapter.nPrefix, got: nPosition } },
  );
}
