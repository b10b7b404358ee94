import { expect, test } from 'vitest';
import { compileJsonSchema } from '../../../engine/grammar/index.ts';
import { jsonJudge, mergeJson } from '../../../worker/serving/tasks/merge-json.ts';

const any = (): boolean => true;

test('objects by member, arrays without repetitions, else the first that says something', () => {
  const a = { name: '', age: null, tags: ['x', { k: 1 }], deep: { n: 1 } };
  const b = { name: 'Ada', age: 34, tags: [{ k: 1 }, 'y', 'y'], deep: { n: 2, m: 3 } };
  expect(mergeJson([a, b], any).data).toEqual({
    name: 'Ada',
    age: 34,
    tags: ['x', { k: 1 }, 'y'],
    deep: { n: 1, m: 3 },
  });
  expect(mergeJson([1, 2], any).data).toBe(1);
  expect(mergeJson([[1], { a: 1 }], any).data).toEqual([1]);
});

test('a name like __proto__ stays a member', () => {
  const a = JSON.parse('{"__proto__": {"a": 1}}') as unknown;
  const { data } = mergeJson([a, a], any);
  expect(JSON.stringify(data)).toBe('{"__proto__":{"a":1}}');
});

test('what would break the schema is left out and counted', () => {
  const schema = { type: 'array', items: { type: 'integer' }, maxItems: 3 };
  const judge = jsonJudge(compileJsonSchema(schema));
  expect(judge([1, 2, 3])).toBe(true);
  expect(judge([1, 2, 3, 4])).toBe(false);
  expect(judge([1, 'x'])).toBe(false);
  expect(mergeJson([[1, 2], [3, 4], [5]], judge)).toEqual({ data: [1, 2, 5], nLeftOut: 1 });
});
