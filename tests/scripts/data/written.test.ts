/** What commands of `thimble data` write: whole or not at all, with where rows came from and a card. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { rewriteRows } from '../../../scripts/data/rewrite.ts';
import type { Operation } from '../../../scripts/data/rewrite.ts';
import { ABOUT, inputOf, openRowFolder, sha256 } from '../../support/data-rows.ts';

const { close, folder, newOut, put, rewrite } = await openRowFolder();
afterAll(close);

describe('what is written', () => {
  const keepAll: Operation = { decide: ({ fields }) => ({ fields }), sections: () => [] };

  test('is nothing where a command was cut off, or failed', async () => {
    const path = await put(
      'cut.jsonl',
      Array.from({ length: 2000 }, (_, i) => ({ text: `${i}` })),
    );
    const before = await readdir(folder);
    const abort = new AbortController();
    const cutting: Operation = {
      decide: ({ fields }, number) => {
        if (number === 700) abort.abort();
        return { fields };
      },
      sections: () => [],
    };
    await expect(rewrite(path, cutting, newOut(), abort.signal)).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    const failing: Operation = {
      decide: () => {
        throw new Error('no');
      },
      sections: () => [],
    };
    await expect(rewrite(path, failing)).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual(before);
  });

  test('goes into no folder that has files in it', async () => {
    const path = await put('free.jsonl', [{ text: 'a' }]);
    const { out } = await rewrite(path, keepAll);
    await expect(rewrite(path, keepAll, out)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('expected a new or empty folder') as string,
    });
    const empty = newOut();
    await mkdir(empty);
    expect((await rewrite(path, keepAll, empty)).rows).toHaveLength(1);
  });

  test('keeps where a row first came from, its licence and copies of its pictures', async () => {
    const pictures = join(folder, 'pictures');
    await mkdir(join(pictures, 'images'), { recursive: true });
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1, 2, 3);
    await writeFile(join(pictures, 'images/a.png'), png);
    await writeFile(
      join(pictures, 'c.jsonl'),
      JSON.stringify({ image: 'images/a.png', caption: 'c' }),
    );
    const once = await rewrite(pictures, keepAll);
    const twice = await rewrite(once.out, keepAll);
    expect(twice.rows).toEqual([
      {
        ...{ image: 'media/0/images/a.png', caption: 'c', licence: 'MIT' },
        provenance: `${join(pictures, 'c.jsonl')}:1`,
      },
    ]);
    expect(new Uint8Array(await readFile(join(twice.out, 'media/0/images/a.png')))).toEqual(png);
    const card = JSON.parse(await readFile(join(twice.out, 'croissant.json'), 'utf8')) as {
      distribution: unknown[];
      recordSet: { field: unknown[] }[];
    };
    expect(card.distribution[1]).toMatchObject({
      ...{ '@type': 'cr:FileSet', '@id': 'files-image', encodingFormat: 'image/png' },
      includes: ['media/**/*.png'],
    });
    expect(card.recordSet[0]!.field[0]).toMatchObject({
      references: { field: { '@id': 'pictures-image/path' } },
    });
    expect(card.recordSet[1]!.field).toMatchObject([
      {
        '@id': 'pictures-image/path',
        source: { fileSet: { '@id': 'files-image' }, extract: { fileProperty: 'fullpath' } },
      },
      {
        dataType: 'sc:ImageObject',
        source: { fileSet: { '@id': 'files-image' }, extract: { fileProperty: 'content' } },
      },
    ]);
  });

  test('has a Croissant file with what the specification requires', async () => {
    const path = await put('card.jsonl', [
      { text: 'a', n: 1, share: 0.5, ok: true, tags: ['x'], meta: { a: 1 }, none: null },
      { text: 'b', n: 2.5, share: 1, ok: false, tags: [], meta: {}, none: null },
    ]);
    const { out, result } = await rewrite(path, keepAll);
    const card = JSON.parse(await readFile(join(out, 'croissant.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(card).toMatchObject({
      '@type': 'sc:Dataset',
      conformsTo: 'http://mlcommons.org/croissant/1.1',
      ...{ name: 'A test', description: 'Rows.', url: 'https://example.org' },
      license: 'https://spdx.org/licenses/MIT.html',
      creator: { '@type': 'sc:Organization', name: 'Nobody' },
      datePublished: '2026-01-02',
    });
    expect(card['@context']).toMatchObject({
      '@vocab': 'https://schema.org/',
      cr: 'http://mlcommons.org/croissant/',
      conformsTo: 'dct:conformsTo',
      dct: 'http://purl.org/dc/terms/',
    });
    const bytes = await readFile(join(out, 'rows.jsonl'));
    expect(card['distribution']).toEqual([
      {
        ...{ '@type': 'cr:FileObject', '@id': 'file-1', name: 'rows.jsonl' },
        ...{ contentUrl: 'rows.jsonl', contentSize: `${bytes.length} B` },
        ...{ encodingFormat: 'application/jsonlines', sha256: sha256(bytes) },
      },
    ]);
    const [set] = card['recordSet'] as [{ field: Record<string, unknown>[] }];
    expect(set.field.map((field) => [field['name'], field['dataType'], field['isArray']])).toEqual([
      ['text', 'sc:Text', undefined],
      ['n', 'sc:Float', undefined],
      ['share', 'sc:Float', undefined],
      ['ok', 'sc:Boolean', undefined],
      ['tags', 'sc:Text', true],
      ['licence', 'sc:Text', undefined],
      ['provenance', 'sc:Text', undefined],
    ]);
    // Every reference names something that is there, and no name is there twice.
    const ids = [...JSON.stringify(card).matchAll(/"@type":"[^"]+","@id":"([^"]+)"/g)].map(
      ([, id]) => id,
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of JSON.stringify(card).matchAll(/\{"@id":"([^"]+)"\}/g))
      expect(ids).toContain(id);
    expect(result.missing).toEqual([]);
  });

  test('names what a card lacks: no licence, address or maker is made up', async () => {
    const path = await put('lacks.jsonl', [{ text: 'a' }]);
    const about = { ...ABOUT, licence: null, url: null, creator: null };
    const out = newOut();
    const input = inputOf([path]);
    const { missing } = await rewriteRows({
      input,
      isStrict: false,
      out,
      about,
      operation: keepAll,
    });
    expect(missing).toEqual(['license', 'url', 'creator']);
    const card = JSON.parse(await readFile(join(out, 'croissant.json'), 'utf8')) as object;
    for (const name of missing) expect(card).not.toHaveProperty(name);
  });
});
