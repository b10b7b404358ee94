/** Versions of a model's manifest: named by their bytes, read again by that name. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { readManifest, readManifestVersion } from '../../../worker/platform/model-files.ts';
import { manifestKey, versionKey, versionOf } from '../../../worker/platform/model-keys.ts';
import { plannedManifest } from '../../support/planned-manifest.ts';
import { TINY_CONFIG } from '../../support/tiny-llama.ts';

const ID = 'planned';
const MANIFEST = plannedManifest(TINY_CONFIG, 'lossless', { table: 'F32', layers: 'F32' });
const [FIRST, SECOND] = ['first', 'second'].map((name) => JSON.stringify({ ...MANIFEST, name }));

/** The part of an R2 bucket that is used; the platform's, not ours. */
class Objects {
  readonly texts = new Map<string, string>();
  /** Whether each `get` sent a body. */
  readonly bodies: boolean[] = [];

  readonly get = (
    key: string,
    { onlyIf }: { onlyIf?: { etagDoesNotMatch: string } } = {},
  ): Promise<unknown> => {
    const text = this.texts.get(key);
    if (text === undefined) return Promise.resolve(null);
    const bytes = new TextEncoder().encode(text);
    const etag = createHash('md5').update(bytes).digest('hex');
    const isSent = onlyIf?.etagDoesNotMatch !== etag;
    this.bodies.push(isSent);
    const body = { body: {}, arrayBuffer: () => Promise.resolve(bytes.buffer) };
    return Promise.resolve({ etag, ...(isSent ? body : {}) });
  };

  get bucket(): R2Bucket {
    return this as unknown as R2Bucket;
  }
}

function versionOfText(text: string): string {
  return versionOf(createHash('sha256').update(text).digest('hex'));
}

test('a manifest is sent again only when it has changed', async () => {
  const objects = new Objects();
  expect(await readManifest(objects.bucket, ID)).toBeNull();
  objects.texts.set(manifestKey(ID), FIRST!);
  const first = await readManifest(objects.bucket, ID);
  expect(first).toMatchObject({ version: versionOfText(FIRST!), manifest: { name: 'first' } });
  expect(await readManifest(objects.bucket, ID, versionOfText(FIRST!))).toBe('unchanged');
  objects.texts.set(manifestKey(ID), SECOND!);
  const second = await readManifest(objects.bucket, ID, versionOfText(FIRST!));
  expect(second).toMatchObject({ version: versionOfText(SECOND!), manifest: { name: 'second' } });
  // Known from elsewhere: read, and found to be the same.
  const elsewhere = new Objects();
  elsewhere.texts.set(manifestKey(ID), SECOND!);
  expect(await readManifest(elsewhere.bucket, ID, versionOfText(SECOND!))).toBe('unchanged');
  expect([objects.bodies, elsewhere.bodies]).toEqual([[true, false, true], [true]]);
});

test('a version is read by its name, and must be the one it is named', async () => {
  const objects = new Objects();
  const version = versionOfText(FIRST!);
  objects.texts.set(manifestKey(ID), SECOND!);
  expect(await readManifestVersion(objects.bucket, ID, version)).toBeNull();
  objects.texts.set(versionKey(ID, version), FIRST!);
  const stored = await readManifestVersion(objects.bucket, ID, version);
  expect(stored).toMatchObject({ version, manifest: { name: 'first' } });
  objects.texts.set(versionKey(ID, version), SECOND!);
  await expect(readManifestVersion(objects.bucket, ID, version)).rejects.toMatchObject({
    code: 'E_WEIGHTS_HASH',
  });
  expect(await readManifestVersion(objects.bucket, ID, '../manifest')).toBeNull();
});
