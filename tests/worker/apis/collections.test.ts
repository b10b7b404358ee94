/** Parts of collections by themselves: passages and their spans, filters, ranks, the index in memory. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../support/random.ts';
import {
  chunkDocument,
  plainText,
} from '../../../worker/apis/retrieval/documents/chunk-document.ts';
import { documentText, isBinary } from '../../../worker/apis/retrieval/documents/document-text.ts';
import { filterSchema, matchesFilter } from '../../../worker/apis/retrieval/object/filter.ts';
import { blendScores } from '../../../worker/apis/retrieval/object/blend.ts';
import { LocalIndex } from '../../../worker/apis/retrieval/object/local-index.ts';
import { indexMemory } from '../../../worker/apis/retrieval/object/index-memory.ts';
import { VectorizeIndex } from '../../../worker/apis/retrieval/object/vectorize-index.ts';
import type { VectorizeBinding } from '../../../worker/apis/retrieval/object/vectorize-index.ts';

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

describe('passages', () => {
  test('of Markdown carry their headings and stand where they say', () => {
    const text =
      '# Bread\n\nFlour and water. Salt, too.\n\n## Oven\n\nHeat it well.\n\n```\n# no heading\n```\n\n# Sea\n\nBlue.\n';
    const chunks = chunkDocument(text, 'text/markdown', 8, words);
    expect(chunks.map(({ heading }) => heading)).toContain('Bread > Oven');
    expect(chunks.at(-1)).toMatchObject({ heading: 'Sea', text: '# Sea\n\nBlue.' });
    expect(chunks.some(({ heading }) => heading.includes('no heading'))).toBe(false);
    for (const { start, end, text: passage } of chunks) {
      expect(text.slice(start, end)).toBe(passage);
      expect(words(plainText(passage, 'text/markdown'))).toBeLessThanOrEqual(8);
    }
    const kept = chunks.map(({ text: passage }) => passage.replaceAll(/\s/g, '')).join('');
    expect(kept).toBe(text.replaceAll(/\s/g, ''));
  });

  test('of Markdown are counted without its marks, and lines of marks alone are none', () => {
    const text =
      '# Table\n\n| a | b |\n| --- | --- |\n| one | two |\n\n---\n\n# Empty\n\n# End\n\n- last\n';
    const chunks = chunkDocument(text, 'text/markdown', 6, words);
    expect(chunks.map(({ heading }) => heading)).toEqual(['Table', 'End']);
    expect(plainText(chunks[0]!.text, 'text/markdown').split(/\s+/)).toEqual(
      'Table a b one two'.split(' '),
    );
  });

  test('of HTML lose its markup, and their spans are those of the source', () => {
    const html =
      '<html><head><title>Sea</title><style>p { color: red }</style></head><body><!-- no --><p>The <b>sea</b> is ' +
      'caf&eacute;-blue &amp; wide.</p><script>var a = "<p>no</p>";</script><p title="a > b">Bread &#x2713; is warm.</p></body></html>';
    const chunks = chunkDocument(html, 'text/html', 6, words);
    const texts = chunks.map(({ text }) => text);
    expect(texts).toEqual(['Sea', 'The sea is caf\u00e9-blue & wide.', 'Bread \u2713 is warm.']);
    const sources = chunks.map(({ start, end }) => html.slice(start, end));
    expect(sources).toEqual([
      'Sea',
      'The <b>sea</b> is caf&eacute;-blue &amp; wide.',
      'Bread &#x2713; is warm.',
    ]);
  });

  test.each([
    ['<b', ''],
    ['a < b and c > d', 'a < b and c > d'],
    ['<script>never ends', ''],
    ['<!-- never ends', ''],
    ['&unknown; &#0; &#xD800;', '&unknown; &#0; &#xD800;'],
    ['', ''],
  ])('odd HTML %j', (html, text) => {
    expect(documentText(html, 'text/html').text).toBe(text);
  });

  test('long hostile HTML takes no long time', () => {
    for (const piece of ['<a ', '<a "', "<a '", '<!-', '<script', '&#', '&a'])
      expect(documentText(piece.repeat(100_000), 'text/html').text.length).toBeLessThan(600_000);
  });

  test('binary content is told from text', () => {
    expect(isBinary('PNG\r\n\u001a\n\u0000\u0000\rIHDR')).toBe(true);
    expect(isBinary('%PDF-1.4 \ufffd\ufffd\ufffd')).toBe(true);
    expect(isBinary('Stra\u00dfe\t\u6771\u4eac\r\n')).toBe(false);
  });
});

describe('filters', () => {
  const metadata = { year: 2024, kind: 'note', open: true };
  test.each([
    [{ year: 2024 }, true],
    [{ year: '2024' }, false],
    [{ year: { gte: 2020, lt: 2025 } }, true],
    [{ year: { gt: 2024 } }, false],
    [{ kind: { in: ['note', 'book'] } }, true],
    [{ kind: { ne: 'note' } }, false],
    [{ nothing: { ne: 1 } }, true],
    [{ nothing: 1 }, false],
    [{ open: true, kind: 'book' }, false],
    [{ constructor: { ne: 1 } }, true],
  ])('%j is %s', (filter, wanted) => {
    expect(matchesFilter(metadata, filterSchema.parse(filter))).toBe(wanted);
  });
});

describe('scores blend', () => {
  const N_PASSAGE = 100;
  /** BM25 of as many words that one passage alone has. */
  const words = (n: number): number => n * Math.log(1 + N_PASSAGE);
  const blend = (cosines: [number, number][], texts: [number, number][]) =>
    blendScores(new Map(cosines), new Map(texts), N_PASSAGE);

  test('what both have comes first', () => {
    const blended = blend(
      [
        [1, 0.8],
        [2, 0.5],
        [3, 0.6],
      ],
      [
        [4, words(2)],
        [3, words(1.9)],
      ],
    );
    expect(blended.map(({ key }) => key)).toEqual([3, 1, 4, 2]);
    expect(blended[0]!.score).toBeCloseTo((1 / 3 + 1.9 / 2.5) / 2);
    expect(blended.at(-1).score).toBe(0);
  });

  test('a bad match of words that is the best of them does not outdo the best of the meanings', () => {
    const blended = blend(
      [
        [1, 0.6],
        [2, 0.1],
      ],
      [
        [2, words(0.5)],
        [1, words(0.1)],
      ],
    );
    expect(blended.map(({ key }) => key)).toEqual([1, 2]);
  });

  test('a picture without words is not worth less for having none', () => {
    const cosines = new Map([
      [1, 0.1],
      [2, 0.3],
      [3, 0.2],
    ]);
    const texts = new Map([
      [3, words(1)],
      [1, words(0.5)],
    ]);
    const order = (wordless: readonly number[]): number[] =>
      blendScores(cosines, texts, N_PASSAGE, new Set(wordless)).map(({ key }) => key);
    expect(order([])).toEqual([2, 3, 1]);
    expect(blendScores(cosines, texts, N_PASSAGE)[0]!.score).toBeCloseTo(1 / 2);
    expect(blendScores(cosines, texts, N_PASSAGE, new Set([2]))[0]!.score).toBeCloseTo(
      (1 + 1 / 2.5) / 2,
    );
    // Its meaning is all that it has: one that is far away stays behind.
    texts.set(2, words(2.5));
    expect(order([1])).toEqual([2, 3, 1]);
  });

  test('one of a kind counts in full, none in nothing', () => {
    expect(blend([[1, 0.2]], [])).toEqual([{ key: 1, score: 0.5 }]);
    expect(blend([], [[1, words(2.5)]])).toEqual([{ key: 1, score: 0.5 }]);
    expect(blend([], [])).toEqual([]);
  });
});

describe('the index in memory', () => {
  const N = 2000;
  const DIM = 64;
  const random = seededRandom(11);
  const unit = (): Float32Array => {
    const vector = Float32Array.from({ length: DIM }, () => random() + random() - 1);
    const norm = Math.hypot(...vector);
    return vector.map((value) => value / norm);
  };
  const vectors = Array.from({ length: N }, unit);
  const exact = (query: Float32Array, k: number, keep: (i: number) => boolean): number[] =>
    vectors
      .map((vector, i) => ({ i, score: vector.reduce((sum, v, d) => sum + v * query[d]!, 0) }))
      .filter(({ i }) => keep(i))
      .sort((a, b) => b.score - a.score)
      .slice(0, k)
      .map(({ i }) => i);

  test('finds what exact search finds, after removals and replacements too', async () => {
    const index = new LocalIndex(DIM);
    await index.add(vectors.map((vector, chunk) => ({ chunk, document: chunk % 10, vector })));
    await index.remove(Array.from({ length: N / 4 }, (_, i) => i * 4));
    await index.add([{ chunk: 5, document: 5, vector: vectors[5]! }]);
    await index.remove([4, 123_456]);
    expect(index.size).toBe((N * 3) / 4);
    let [hit, total] = [0, 0];
    for (let q = 0; q < 20; q++) {
      const query = unit();
      const found = await index.search(query, 10, (document) => document !== 7);
      const wanted = exact(query, 10, (i) => i % 4 !== 0 && i % 10 !== 7);
      hit += found.filter(({ chunk }) => wanted.includes(chunk)).length;
      total += wanted.length;
      expect(found.map(({ score }) => score)).toEqual(
        found.map(({ score }) => score).toSorted((a, b) => b - a),
      );
    }
    expect(hit / total).toBeGreaterThanOrEqual(0.98);
  });

  test('of nothing finds nothing', async () => {
    expect(await new LocalIndex(DIM).search(unit(), 10, () => true)).toEqual([]);
  });
});

test('Vectorize is asked in its own terms: namespaces, batches, ids', async () => {
  const calls: [string, unknown][] = [];
  const binding: VectorizeBinding = {
    upsert: (rows) => Promise.resolve(calls.push(['upsert', rows.map(({ id }) => id)])),
    deleteByIds: (ids) => Promise.resolve(calls.push(['delete', ids.length])),
    query: (_vector, options) => {
      calls.push(['query', options]);
      const matches = [3, 4, 5].map((chunk) => ({ id: `notes:${chunk}`, score: 1 - chunk / 10 }));
      return Promise.resolve({ matches });
    },
  };
  // Chunk 5 was deleted, which the service does not know yet.
  const documents = new Map([
    [3, 1],
    [4, 2],
  ]);
  const index = new VectorizeIndex(binding, 'notes', (chunk) => documents.get(chunk) ?? null);
  const vector = Float32Array.of(1, 0);
  await index.add(Array.from({ length: 1001 }, (_, chunk) => ({ chunk, document: 1, vector })));
  await index.remove(Array.from({ length: 150 }, (_, chunk) => chunk));
  expect(await index.search(vector, 5, (document) => document === 2)).toEqual([
    { chunk: 4, score: 0.6 },
  ]);
  expect(await index.search(vector, 5, () => true)).toHaveLength(2);
  expect(calls.map(([name]) => name)).toEqual([
    ...['upsert', 'upsert', 'delete', 'delete', 'query', 'query'],
  ]);
  expect(calls[1]![1]).toEqual(['notes:1000']);
  expect(calls[4]![1]).toEqual({ topK: 100, namespace: 'notes', returnMetadata: 'none' });
});

test('vectors that were not used for longest leave the memory that objects share', () => {
  const dropped: string[] = [];
  const memory = indexMemory(100);
  const owners = { a: {}, b: {}, c: {} };
  const use = (name: keyof typeof owners, bytes: number) =>
    memory.set(owners[name], { bytes, drop: () => dropped.push(name) });
  use('a', 40);
  use('b', 40);
  use('a', 45);
  use('c', 30);
  expect(dropped).toEqual(['b']);
  // Grown: one alone may be larger than all together should.
  use('c', 120);
  expect(dropped).toEqual(['b', 'a']);
  use('a', 10);
  expect(dropped).toEqual(['b', 'a', 'c']);
  for (const owner of Object.values(owners)) memory.delete(owner);
});

test('an index grows from what it was made for', async () => {
  const index = new LocalIndex(4, 1000);
  const before = index.bytes;
  const vector = Float32Array.of(1, 0, 0, 0);
  for (let chunk = 0; chunk < 1001; chunk++) await index.add([{ chunk, document: 0, vector }]);
  expect(index.size).toBe(1001);
  expect(index.bytes).toBeGreaterThan(before);
  expect(await index.search(vector, 2000, () => true)).toHaveLength(1001);
});
