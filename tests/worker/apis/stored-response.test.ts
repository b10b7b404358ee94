/** What a row of a stored response may hold. */
import { expect, test } from 'vitest';
import type { InputItemJson } from '../../../worker/apis/responses/item-schema.ts';
import type { ResponseJson } from '../../../worker/apis/responses/schema.ts';
import { MAX_CONTENT_BYTES, utf8Bytes } from '../../../worker/platform/storage/row-size.ts';
import {
  checkStorable,
  MAX_ITEMS,
  rowText,
} from '../../../worker/apis/responses/stored-response.ts';

const item = (text: string): InputItemJson => ({
  ...{ id: 'msg_1', type: 'message', status: 'completed', role: 'user' },
  content: [{ type: 'input_text', text }],
});

/** A response with `nToken` tokens of one letter and their log-probabilities. */
function responseOf(nToken: number): ResponseJson {
  const one = { token: 'a', logprob: -1.2345678901234567, bytes: [97] };
  const logprobs = Array.from({ length: nToken }, () => ({
    ...one,
    top_logprobs: Array<typeof one>(20).fill(one),
  }));
  const text = 'a'.repeat(nToken);
  const content = [{ type: 'output_text', text, annotations: [], logprobs }];
  return {
    id: 'resp_1',
    output: [{ id: 'msg_1', type: 'message', content }],
  } as unknown as ResponseJson;
}

test('log-probabilities are kept while they fit a row, the text always', () => {
  const small = responseOf(100);
  expect(JSON.parse(rowText(small))).toEqual(small);
  const large = responseOf(4000);
  expect(utf8Bytes(JSON.stringify(large))).toBeGreaterThan(MAX_CONTENT_BYTES);
  const kept = JSON.parse(rowText(large)) as ResponseJson;
  expect(utf8Bytes(JSON.stringify(kept))).toBeLessThan(MAX_CONTENT_BYTES);
  const [kept0] = kept.output;
  if (kept0?.type !== 'message') throw new Error('no message');
  const [part] = kept0.content;
  expect([part?.text.length, part?.logprobs]).toEqual([4000, []]);
});

test.each<[string, InputItemJson[], string, string]>([
  ['a message', [item('x'), item('é'.repeat(1_000_000))], '', 'input[1]'],
  ['the instructions', [item('x')], 'x'.repeat(2_000_000), 'instructions'],
  ['many messages', Array<InputItemJson>(MAX_ITEMS + 1).fill(item('x')), '', 'input'],
  ['much text', Array<InputItemJson>(10).fill(item('é'.repeat(450_000))), '', 'input'],
])('%s beyond the limits is refused by name', (_what, input, instructions, param) => {
  const check = () => checkStorable(input, { instructions });
  expect(check).toThrow(expect.objectContaining({ code: 'E_REQUEST_INVALID', param }) as Error);
});

test('what a response repeats of its request has a limit of its own', () => {
  const description = 'x'.repeat(9_000);
  const tools = Array.from({ length: 120 }, (_, i) => ({
    ...{ type: 'function' as const, name: `f${i}`, description },
  }));
  expect(() => checkStorable([item('x')], { tools })).toThrow(
    expect.objectContaining({ code: 'E_REQUEST_INVALID', param: 'tools' }) as Error,
  );
  expect(() => checkStorable([item('x')], { tools: tools.slice(0, 100) })).not.toThrow();
});

test('calls are kept as they are when log-probabilities are not', () => {
  const response = responseOf(4000);
  const call = { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'c' } as const;
  const output = [...response.output, { ...call, name: 'f', arguments: '{"a":1}' }];
  const kept = JSON.parse(rowText({ ...response, output })) as ResponseJson;
  expect(kept.output[1]).toEqual(output[1]);
});

test('what fits is taken', () => {
  expect(() => checkStorable(Array<InputItemJson>(MAX_ITEMS).fill(item('x')), {})).not.toThrow();
});
