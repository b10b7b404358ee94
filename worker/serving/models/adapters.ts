/** The adapter that a request names, `BASE:NAME`, as a model of its own. */
import { baseHash } from '../../../engine/adapters/stored.ts';
import { towerBaseHash } from '../../../engine/adapters/tower.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { adapterModelId, ADAPTER_SEPARATOR } from '../../../engine/manifest/adapters.ts';
import type { AdapterRecord } from '../../../engine/manifest/adapters.ts';
import type { DecoderManifest, EncoderManifest } from '../../../engine/manifest/manifest.ts';
import { adapterFile, readAdapters, towerFile } from '../../platform/adapter-files.ts';
import type { AdapterFile, TowerFile } from '../../platform/adapter-files.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';

/** In a key's list of models, after a base and the separator: all of its adapters. */
const ALL_ADAPTERS = '*';

/** A key that may use a base may not use its adapters: each is a model of its own. */
export function mayUseAdapter(
  access: ModelAccess,
  base: string,
  adapter: string,
  name = adapterModelId(base, adapter),
): boolean {
  const all = `${base}${ADAPTER_SEPARATOR}${ALL_ADAPTERS}`;
  return mayUse(access, name, adapterModelId(base, adapter), all);
}

/** The adapters of a base that a caller may use. @throws {EngineError} E_WEIGHTS_FETCH, E_MANIFEST_INVALID */
export async function listAdapters(
  bucket: R2Bucket,
  base: string,
  access: ModelAccess,
): Promise<AdapterRecord[]> {
  const records = await readAdapters(bucket, base);
  return records.filter(({ name }) => mayUseAdapter(access, base, name));
}

/**
 * @throws {EngineError} E_MODEL_NOT_FOUND with the base's adapters; E_ADAPTER_BASE when the base was replaced by
 *   another model since the adapter was added
 */
export async function findAdapter(
  bucket: R2Bucket,
  base: DecoderManifest,
  name: string,
  access: ModelAccess,
): Promise<AdapterFile> {
  return adapterFile(base.id, await findRecord(bucket, base, name, access));
}

/** The image tower of an embedding model. @throws {EngineError} as `findAdapter` */
export async function findTower(
  bucket: R2Bucket,
  base: EncoderManifest,
  name: string,
  access: ModelAccess,
): Promise<TowerFile> {
  const tower = towerFile(base.id, await findRecord(bucket, base, name, access));
  if (tower === null) throw await adapterNotFound(bucket, base.id, name, access);
  return tower;
}

async function findRecord(
  bucket: R2Bucket,
  base: DecoderManifest | EncoderManifest,
  name: string,
  access: ModelAccess,
): Promise<AdapterRecord> {
  const record = (await readAdapters(bucket, base.id)).find((one) => one.name === name);
  if (record === undefined) throw await adapterNotFound(bucket, base.id, name, access);
  if ((await hashOf(base)) === record.baseSha256) return record;
  throw new EngineError(
    'E_ADAPTER_BASE',
    `model: ${adapterModelId(base.id, name)} was added to another model than ${base.id} is now. ` +
      `Add it again: thimble adapter add ${adapterModelId(base.id, name)} PATH`,
    { param: 'model', details: { base: base.id, adapter: name } },
  );
}

const hashes = new WeakMap<DecoderManifest | EncoderManifest, Promise<string>>();

function hashOf(base: DecoderManifest | EncoderManifest): Promise<string> {
  const known =
    hashes.get(base) ?? (base.kind === 'encoder' ? towerBaseHash(base) : baseHash(base));
  hashes.set(base, known);
  return known;
}

async function adapterNotFound(
  bucket: R2Bucket,
  base: string,
  name: string,
  access: ModelAccess,
): Promise<EngineError> {
  const known = await listAdapters(bucket, base, access);
  const models = known.map((record) => adapterModelId(base, record.name));
  const list = models.length === 0 ? 'there are none yet' : models.join(', ');
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no adapter ${JSON.stringify(name.slice(0, 100))} of ${base}; expected one of: ${list}. ` +
      'List them: thimble adapter ls',
    { param: 'model', details: { base, models } },
  );
}
