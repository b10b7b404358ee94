/** What tells whom an adapter treats how. */
import { expect, test } from 'vitest';
import { namedGroups } from '../../../engine/data/groups.ts';
import { NAMES, nameItems } from '../../../scripts/finetune/extraction/names.ts';
import { formsIn } from '../../../scripts/finetune/translation/agreement.ts';

test('a French sentence has forms for men, for women, or for neither', () => {
  expect(formsIn('Je suis heureux.', 'heureux content', 'heureuse contente')).toBe('men');
  expect(formsIn('Elle est Contente !', 'heureux content', 'heureuse contente')).toBe('women');
  // A form within another word is none.
  expect(formsIn('Je suis mécontent.', 'heureux content', 'heureuse contente')).toBeNull();
  expect(formsIn('Il est prêt, elle est prête.', 'prêt', 'prête')).toBeNull();
});

test('every region has as many names, as many of women as of men, in the same sentences', () => {
  const items = nameItems();
  const regions = Map.groupBy(items, ({ group }) => group);
  expect(new Set([...regions.values()].map(({ length }) => length))).toEqual(new Set([40]));
  for (const some of regions.values())
    expect(some.filter(({ sex }) => sex === 'women')).toHaveLength(20);
  for (const { name, text } of items) expect(text).toContain(name);
  const names = Object.values(NAMES).flat();
  expect(new Set(names).size).toBe(names.length);
});

test('groups that a text names are told in the order of the table', () => {
  expect(namedGroups('A boy and his mother met a German.')).toEqual(['women', 'men', 'Europeans']);
  expect(namedGroups('It rained.')).toEqual([]);
});
