/**
 * Token ids against llama.cpp on the same file: every one of 1,000 strings, id for id.
 * @module-tag slow
 */
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGguf } from '../../engine/formats/gguf.ts';
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import { tokenizerJsonFromGguf } from '../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { openFileSource } from '../../scripts/lib/file-source.ts';
import { smollm2Gguf } from '../support/models.ts';
import { tokenizerStrings } from '../support/tokenizer-strings.ts';

let llama: Llama;
let reference: LlamaModel;
let tokenizer: Tokenizer;
let chatTemplate: string;

beforeAll(async () => {
  const modelPath = smollm2Gguf();
  llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.error, build: 'never' });
  reference = await llama.loadModel({ modelPath, vocabOnly: true });
  await using file = await openFileSource(modelPath);
  const { metadata } = await readGguf([file]);
  const built = tokenizerJsonFromGguf(metadata);
  tokenizer = Tokenizer.parse(built.json, built);
  chatTemplate = String(metadata.get('tokenizer.chat_template'));
});

afterAll(async () => {
  await reference.dispose();
  await llama.dispose();
});

const strings = tokenizerStrings();

test('1,000 strings give identical ids', () => {
  expect(strings).toHaveLength(1000);
  const wrong = strings.filter(
    (text) => !isEqual(tokenizer.encode(text, { special: false }), reference.tokenize(text, false)),
  );
  expect(wrong.map((text) => JSON.stringify(text.slice(0, 200)))).toEqual([]);
}, 120_000);

test('texts with special tokens give identical ids', () => {
  const texts = strings.map((text) => `<|im_start|>user\n${text.slice(0, 500)}<|im_end|>\n`);
  const wrong = texts.filter(
    (text) => !isEqual(tokenizer.encode(text, { special: true }), reference.tokenize(text, true)),
  );
  expect(wrong.map((text) => JSON.stringify(text.slice(0, 200)))).toEqual([]);
}, 120_000);

test('well-formed strings come back from their ids', () => {
  for (const text of strings.filter((text) => text.isWellFormed()))
    expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(text);
}, 120_000);

test("special-token text from a user never becomes special, also through the model's template", () => {
  const template = new ChatTemplate(chatTemplate);
  const specialIds = new Set(
    tokenizer.specialLiterals.flatMap((text) => tokenizer.encode(text, { special: true })),
  );
  const countSpecial = (content: string): number => {
    const messages = [{ role: 'user', content }];
    const options = { bosToken: '', eosToken: '', specialLiterals: tokenizer.specialLiterals };
    const { text, sentinel } = template.render(messages, options);
    return tokenizer.encodeTemplate(text, sentinel).filter((id) => specialIds.has(id)).length;
  };
  const wanted = countSpecial('hello');
  for (const text of strings.filter((text) => text.includes('<|') || text.includes('|>')))
    expect(countSpecial(text), JSON.stringify(text.slice(0, 200))).toBe(wanted);
}, 120_000);

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
