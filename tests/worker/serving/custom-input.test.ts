/** Inputs of custom tools, from arguments that arrive in any parts. */
import { expect, test } from 'vitest';
import { InputReader, withInputs } from '../../../worker/serving/output/custom-input.ts';
import type { Delta } from '../../../worker/serving/generation/run-generation.ts';

const INPUTS = [
  '',
  'plain',
  'a "quoted" \\ word',
  'lines\nand\ttabs\r\b\f',
  'emoji 😀, é, 𝒳 and \u0000',
  '{"input": "nested"}',
];

/** As models write it: with blanks, and characters as escapes. */
const SPELLINGS: readonly ((input: string) => string)[] = [
  (input) => JSON.stringify({ input }),
  (input) => JSON.stringify({ input }, null, 2),
  (input) => {
    const escaped = Array.from(
      { length: input.length },
      (_, i) => String.raw`\u` + input.charCodeAt(i).toString(16).padStart(4, '0'),
    );
    return `{"input":"${escaped.join('')}"}`;
  },
];

test.each(INPUTS)('%j', (input) => {
  for (const spell of SPELLINGS) {
    const json = spell(input);
    for (let cut = 0; cut <= json.length; cut++) {
      const reader = new InputReader();
      expect(reader.push(json.slice(0, cut)) + reader.push(json.slice(cut))).toBe(input);
    }
    const reader = new InputReader();
    expect(Array.from(json, (char) => reader.push(char)).join('')).toBe(input);
  }
});

test('only calls of custom tools change, each of its own choice', async () => {
  const call = (choice: number, index: number, name: string): Delta => ({
    ...{ type: 'call', index, id: `${choice}-${index}`, name, choice },
  });
  const more = (choice: number, index: number, text: string): Delta => ({
    ...{ type: 'arguments', index, text, choice },
  });
  async function* deltas(): AsyncGenerator<Delta, void, void> {
    yield* [call(0, 0, 'patch'), call(1, 0, 'add'), more(0, 0, '{"input":"a')];
    yield* [more(1, 0, '{"input":"a'), more(0, 0, '\\n"}'), more(1, 0, '"}')];
    await Promise.resolve();
    yield* [call(0, 1, 'add'), more(0, 1, '{}')];
  }
  const seen = await Array.fromAsync(withInputs(new Set(['patch']), deltas()));
  const texts = seen.flatMap((delta) => (delta.type === 'arguments' ? [delta.text] : []));
  expect(texts).toEqual(['a', '{"input":"a', '\n', '"}', '{}']);
});
