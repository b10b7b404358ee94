/** Mix and pack: what is drawn and written, and that it can be read again. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mixRows, parseSource } from '../../../scripts/data/mix.ts';
import { packRows } from '../../../scripts/data/pack.ts';
import type { PackOptions } from '../../../scripts/data/pack.ts';
import { packedRows, readPack } from '../../../scripts/data/packed.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { readTokenData } from '../../../scripts/train/token-data.ts';
import { ABOUT, inputOf, openRowFolder, rowsOf, sha256 } from '../../support/data-rows.ts';

const { close, folder, newOut, put } = await openRowFolder();
afterAll(close);

describe('mix', () => {
  const mix = async (texts: readonly string[], nRow: number | null, seed = 1) => {
    const out = newOut();
    const { files: _files, ...input } = inputOf([]);
    const options = { sources: texts.map(parseSource), input, isStrict: false, seed, nRow, out };
    const result = await mixRows({ ...options, about: ABOUT });
    return { result, rows: await rowsOf(out) };
  };

  test('draws by weight, keeps the order of each source, and repeats itself by its seed', async () => {
    const a = await put(
      'a.jsonl',
      Array.from({ length: 5000 }, (_, i) => ({ text: `a${i}` })),
    );
    const b = await put(
      'b.jsonl',
      Array.from({ length: 5000 }, (_, i) => ({ text: `b${i}` })),
    );
    const first = await mix([`${a}=3`, `${b}=1`], 4000);
    expect(first.rows).toHaveLength(4000);
    const ofA = first.rows.filter(({ text }) => String(text).startsWith('a'));
    // Five standard deviations of 4000 draws.
    expect(Math.abs(ofA.length - 3000)).toBeLessThan(5 * Math.sqrt(4000 * 0.75 * 0.25));
    expect(ofA.map(({ text }) => text)).toEqual(ofA.map((_, i) => `a${i}`));
    expect(ofA[7]!['provenance']).toBe(`${a}:8`);
    expect((await mix([`${a}=0.3`, `${b}=0.1`], 4000)).rows).toEqual(first.rows);
    expect((await mix([`${a}=3`, `${b}=1`], 4000, 2)).rows).not.toEqual(first.rows);
  });

  test('ends with the first source that is out, or begins it again for a number of rows', async () => {
    const a = await put('few.jsonl', [{ text: 'a0' }, { text: 'a1' }]);
    const b = await put(
      'lots.jsonl',
      Array.from({ length: 100 }, (_, i) => ({ text: `b${i}` })),
    );
    const ended = await mix([`${a}=1`, `${b}=1`], null);
    expect(ended.result.taken[0]).toEqual({ nRow: 2, nEpoch: 1 });
    const again = await mix([`${a}=1`, `${b}=1`], 60);
    expect(again.rows).toHaveLength(60);
    expect(again.result.taken[0]!.nEpoch).toBeGreaterThan(5);
  });

  test.each(['a=0', 'a=-1', 'a=NaN', 'a=Infinity', 'a=', 'a', '=1', 'a=1e400', 'a=x'])(
    'refuses %s',
    (text) => {
      expect(() => parseSource(text)).toThrow(/expected FILE=WEIGHT with a weight above 0/);
    },
  );
});

describe('pack', () => {
  const random = new SeededRandom(9);
  const ROWS = Array.from({ length: 400 }, (_, i) => ({
    text: Array.from({ length: random.integer(1, 30) }, () => random.word()).join(' '),
    number: i,
  }));
  const pack = async (path: string, out: string, more: Partial<PackOptions> = {}) =>
    await packRows({
      ...{ input: inputOf([path]), isStrict: false, shardBytes: 10_000, out, about: ABOUT },
      ...more,
    });

  test('gives the same rows when it is read, under the hashes that it lists', async () => {
    const path = await put('pack.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const listed = await readPack(join(out, 'pack.json'));
    expect(listed.shards.length).toBeGreaterThan(5);
    expect(listed.rows).toBe(400);
    expect(listed.sources).toEqual([
      {
        file: path,
        bytes: (await readFile(path)).length,
        sha256: sha256(await readFile(path)),
      },
    ]);
    for (const { file, bytes, sha256: hash } of listed.shards) {
      const shard = await readFile(join(out, file));
      expect([shard.length, sha256(shard)]).toEqual([bytes, hash]);
    }
    const rows: unknown[] = [];
    for await (const { fields } of packedRows(join(out, 'pack.json'))) rows.push(fields);
    expect(rows).toEqual(
      ROWS.map((row, i) => ({ ...row, licence: 'MIT', provenance: `${path}:${i + 1}` })),
    );
  });

  test('goes on where it was cut off, to the same files to the bit', async () => {
    const path = await put('resume.jsonl', ROWS);
    const [whole, cut] = [newOut(), newOut()];
    await pack(path, whole);
    for (const nShard of [1, 2, 1]) {
      const abort = new AbortController();
      let n = 0;
      const onShard = () => {
        if (++n === nShard) abort.abort();
      };
      await expect(
        pack(path, cut, {
          input: inputOf([path], abort.signal),
          onShard,
        }),
      ).rejects.toMatchObject({ code: 'E_ABORTED' });
      expect(await readdir(cut)).not.toContain('pack.json');
      expect((await readdir(cut)).filter((name) => name.endsWith('.partial'))).toEqual([]);
    }
    const { nResumed } = await pack(path, cut);
    expect(nResumed).toBeGreaterThan(0);
    expect(await readdir(cut)).toEqual(await readdir(whole));
    for (const name of await readdir(whole))
      expect(await readFile(join(cut, name))).toEqual(await readFile(join(whole, name)));
  });

  test('refuses to go on with other rows, or over a whole pack', async () => {
    const path = await put('other.jsonl', ROWS);
    const out = newOut();
    const abort = new AbortController();
    const input = inputOf([path], abort.signal);
    await expect(pack(path, out, { input, onShard: () => abort.abort() })).rejects.toThrow();
    await put('other.jsonl', ROWS.slice(1));
    await expect(pack(path, out)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('of other rows or options') as string,
    });
    await put('other.jsonl', ROWS);
    await pack(path, out);
    await expect(pack(path, out)).rejects.toMatchObject({
      message: expect.stringContaining('a whole pack') as string,
    });
  });

  test('a shard that was changed is not read', async () => {
    const path = await put('changed.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const shard = join(out, 'shard-00001.jsonl');
    const bytes = await readFile(shard);
    bytes[20]! ^= 1;
    await writeFile(shard, bytes);
    const reading = async () => {
      for await (const _row of packedRows(join(out, 'pack.json')));
    };
    await expect(reading()).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(/shard-00001\.jsonl: SHA-256; expected/) as string,
    });
    await writeFile(join(out, 'pack.json'), '{"format":"thimble-pack"}');
    await expect(reading()).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });

  test('is what a training reads', async () => {
    const path = await put('train.jsonl', ROWS);
    const out = newOut();
    await pack(path, out);
    const model = { layers: 1, dim: 8, heads: 1, context: 8 };
    const data = { separator: '\n', heldOut: 0.1, licence: 'MIT' };
    const read = (files: string[]) =>
      readTokenData({ data: { ...data, files }, tokenizer: 'bytes', model });
    await writeFile(join(folder, 'plain.txt'), ROWS.map(({ text }) => text).join('\n'));
    const packed = await read([join(out, 'pack.json')]);
    const plain = await read([join(folder, 'plain.txt')]);
    expect(packed.nDocument).toBe(400);
    expect(packed.train).toEqual(plain.train);
    expect(packed.heldOut).toEqual(plain.heldOut);
  });
});
