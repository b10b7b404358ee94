/** Pictures in bodies count as the words that take their place; nothing else counts as less than it is. */
import { expect, test } from 'vitest';
import { textBytes } from '../../../worker/http/body/picture-bytes.ts';

const base64 = 'A'.repeat(100_000);
const url = `data:image/png;base64,${base64}`;

test.each<[string, object]>([
  ['chat', { messages: [{ content: [{ type: 'image_url', image_url: { url } }] }] }],
  ['responses', { input: [{ content: [{ type: 'input_image', image_url: url }] }] }],
  ['messages', { messages: [{ content: [{ type: 'image', source: { data: base64 } }] }] }],
  ['ollama', { messages: [{ content: 'What?', images: [base64] }] }],
])('%s', (_api, body) => {
  const size = JSON.stringify(body).length;
  expect(textBytes(size, body)).toBeLessThan(6000);
  expect(textBytes(size, body)).toBeGreaterThan(4000);
});

test.each<[string, object]>([
  ['a text', { messages: [{ content: url }] }],
  [
    'an input of a call',
    { messages: [{ content: [{ type: 'tool_use', input: { data: base64 } }] }] },
  ],
  ['a plain text in the place of a picture', { images: ['a word '.repeat(1000)] }],
])('%s counts whole', (_what, body) => {
  const size = JSON.stringify(body).length;
  expect(textBytes(size, body)).toBe(size);
});
