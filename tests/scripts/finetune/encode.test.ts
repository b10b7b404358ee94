/** What is learned of rows: answers, ends of turns, cuts, and where an adapter is switched on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { type EncodedText, encodeRows } from '../../../scripts/finetune/encode.ts';
import { packPasses } from '../../../scripts/finetune/pack.ts';
import { parseRows } from '../../../scripts/finetune/rows.ts';
import { readTokenizer } from '../../../scripts/node-host/model-files.ts';
import { importSmall, SMALL_TEMPLATE } from '../../support/adapter-training.ts';

let root = '';
let manifest: DecoderManifest;
let tokenizer: Tokenizer;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-encode-'));
  const { source, modelsRoot } = await importSmall(root, 'lossless', {}, SMALL_TEMPLATE);
  ({ manifest } = source);
  tokenizer = await readTokenizer(join(modelsRoot, 'small'), manifest);
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Options {
  readonly maxTokens?: number;
  readonly invocation?: string;
}

function encode(rows: readonly object[], { maxTokens = 500, invocation }: Options = {}) {
  const text = rows.map((row) => JSON.stringify(row)).join('\n');
  const found = invocation === undefined ? null : tokenizer.encode(invocation, { special: true });
  return encodeRows(parseRows(text, 'x'), { tokenizer, manifest, maxTokens, invocation: found });
}

/** A text with what is learned in brackets. */
function marked({ tokens, learned }: EncodedText): string {
  let [text, isOpen] = ['', false];
  for (const [i, id] of tokens.entries()) {
    if ((learned[i] === 1) !== isOpen) text += isOpen ? ']' : '[';
    isOpen = learned[i] === 1;
    text += tokenizer.decode([id]);
  }
  return isOpen ? `${text}]` : text;
}
const first = (rows: readonly object[], options?: Options): string =>
  marked(encode(rows, options).examples[0]!.texts[0]!);

const said = (...texts: string[]) => ({
  messages: texts.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
});

test('answers of a conversation, with what ends them, and nothing else', () => {
  expect(first([said('ab', 'ba', 'aa', 'bb')])).toBe(
    '<s>u:ab</s>\na:[ba</s>]\nu:aa</s>\na:[bb</s>]\n',
  );
});

test('an answer of weight 0 is read, and not learned', () => {
  const { messages } = said('ab', 'ba', 'aa', 'bb');
  const weighed = messages.map((one, i) => (i === 1 ? { ...one, weight: 0 } : one));
  expect(first([{ messages: weighed }])).toBe('<s>u:ab</s>\na:ba</s>\nu:aa</s>\na:[bb</s>]\n');
});

test('what is before an answer has the tokens of a request', () => {
  const { examples } = encode([said('ab a', 'b')]);
  const request = tokenizer.encodeTemplate('u:ab a</s>\na:', null);
  expect(examples[0]!.prompt).toEqual(request);
  expect([...examples[0]!.texts[0]!.tokens.subarray(0, request.length)]).toEqual(request);
});

test('special tokens in a message stay text', () => {
  const { examples } = encode([said('a</s>', 'b')]);
  const ends = [...examples[0]!.texts[0]!.tokens].filter((id) => id === 2);
  expect(ends).toHaveLength(2);
});

test('completions without their prompts, whole texts, and both answers of a preference', () => {
  expect(first([{ prompt: 'ab', completion: 'ba' }])).toMatch(/^<s> ?ab\[ ?ba<\/s>\]$/);
  expect(first([{ text: 'ab' }])).toMatch(/^<s>\[ ?ab<\/s>\]$/);
  const [pair] = encode([{ prompt: 'ab', chosen: 'aa', rejected: 'bb' }]).examples;
  expect(pair!.texts.map(marked)).toEqual([
    expect.stringMatching(/ab\[ ?aa<\/s>\]$/),
    expect.stringMatching(/ab\[ ?bb<\/s>\]$/),
  ]);
  const asked = { prompt: [{ role: 'user', content: 'ab' }], chosen: 'aa', rejected: 'bb' };
  expect(encode([asked]).examples[0]!.texts.map(marked)).toEqual([
    '<s>u:ab</s>\na:[aa</s>]\n',
    '<s>u:ab</s>\na:[bb</s>]\n',
  ]);
});

test('rows that are too long are cut, and left out where nothing to learn is left; both are counted', () => {
  const rows = [said('ab', 'aaaaaaaaaa'), said('a'.repeat(40), 'b'), said('a', 'b')];
  const found = encode(rows, { maxTokens: 18 });
  expect([found.nCut, found.nSkipped]).toEqual([2, 1]);
  expect(found.examples.map(({ line }) => line)).toEqual([1, 3]);
  expect(found.examples[0]!.texts[0]!.tokens).toHaveLength(18);
  expect(() => encode([rows[1]!], { maxTokens: 18 })).toThrow(/within 18 tokens.*--max-tokens/);
});

test('an adapter counts from the last invocation before the answer on, and what follows is learned', () => {
  const { examples } = encode([said('ab', 'ba', 'aa', 'ab')], { invocation: 'u:' });
  const [text] = examples[0]!.texts;
  expect(marked(text!)).toBe('<s>u:ab</s>\na:ba</s>\nu:aa</s>\na:[ab</s>]\n');
  expect(tokenizer.decode([...text!.tokens.subarray(text!.activeFrom)])).toMatch(/^ ?u:aa/);
  expect(() => encode([said('ab', 'ba')], { invocation: 'bbb' })).toThrow(
    /line 1: the invocation does not occur in it/,
  );
});

test('a model without a template learns no conversations', () => {
  const options = { tokenizer, maxTokens: 99, invocation: null };
  const rows = parseRows(JSON.stringify(said('a', 'b')), 'x');
  const bare = { ...manifest, chatTemplate: null };
  expect(() => encodeRows(rows, { ...options, manifest: bare })).toThrow(
    /line 1: messages: .*no chat template/,
  );
});

test('passes have every example once, whole, within the rows there are', () => {
  const rows = Array.from({ length: 9 }, (_, i) =>
    said('ab'.repeat(1 + (i % 4)), 'b'.repeat(i + 1)),
  );
  const { examples } = encode(rows);
  const passes = [...packPasses(examples, 40)];
  expect(passes.length).toBeGreaterThan(2);
  expect(passes.flatMap(({ entries }) => entries.map(({ example }) => example))).toEqual(examples);
  for (const { tokens, starts, picks, targets, entries } of passes) {
    expect(tokens.length).toBeLessThanOrEqual(40);
    expect(starts.at(-1)).toBe(tokens.length);
    for (const [i, { example, spans }] of entries.entries()) {
      const [text] = example.texts;
      const [from, to] = spans[0]!;
      const begin = starts[i]!;
      expect([...tokens.subarray(begin, starts[i + 1])]).toEqual([...text!.tokens.slice(0, -1)]);
      const learned = [...text!.learned.keys()].filter((at) => text!.learned[at] === 1);
      expect([...picks.subarray(from, to)]).toEqual(learned.map((at) => begin + at - 1));
      expect([...targets.subarray(from, to)]).toEqual(learned.map((at) => text!.tokens[at]));
    }
  }
});
