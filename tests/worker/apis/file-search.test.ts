/** Marks in an answer become citations of the passages that were found. */
import { expect, test } from 'vitest';
import { annotationsOf } from '../../../worker/apis/responses/file-search.ts';

test('marks cite passages by their numbers, and other numbers cite nothing', () => {
  const result = (file_id: string) => ({
    ...{ file_id, filename: `${file_id}.txt`, score: 1, attributes: {} },
    content: [{ type: 'text' as const, text: '' }],
  });
  const search = { query: 'sea', results: [result('a'), result('b')] };
  const type = 'file_citation';
  expect(annotationsOf(search, 'Blue [2], and [1]. Not [3] or [x].')).toEqual([
    { type, file_id: 'b', filename: 'b.txt', index: 5 },
    { type, file_id: 'a', filename: 'a.txt', index: 14 },
  ]);
  expect(annotationsOf(null, 'Blue [1].')).toEqual([]);
});
