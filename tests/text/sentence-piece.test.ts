/** tokenizer.model files against the ids that the package `sentencepiece` gives for them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromBase64 } from '../../engine/base/base64.ts';
import { WireWriter } from '../../engine/onnx/wire.ts';
import { readSentencePiece, sentencePieceJson } from '../../engine/text/sentence-piece.ts';
import { tokenizerJsonFromGguf } from '../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { bitFlips, outcome, truncations } from '../support/hostile.ts';

interface Fixture {
  readonly texts: readonly string[];
  readonly models: readonly {
    readonly name: string;
    readonly base64: string;
    readonly nVocab: number;
    readonly bosId: number;
    readonly ids: readonly (readonly number[])[];
  }[];
}
const path = join(import.meta.dirname, '../golden/sentence-piece.json');
const { texts, models } = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
const NO_FACTS = { addBos: false, bosId: null, eosIds: [] };

function tokenizerOf(base64: string): Tokenizer {
  const model = readSentencePiece(fromBase64(base64)!);
  return Tokenizer.parse(JSON.stringify(sentencePieceJson(model)), NO_FACTS);
}

describe.each(models)('$name', ({ base64, nVocab, bosId, ids }) => {
  test('gives the ids of the reference package', () => {
    const tokenizer = tokenizerOf(base64);
    expect(tokenizer.nVocab).toBe(nVocab);
    const wrong = texts.flatMap((text, i) => {
      const got = tokenizer.encode(text, { special: false });
      return got.join() === ids[i]!.join() ? [] : [{ text, got, want: ids[i] }];
    });
    expect(wrong).toEqual([]);
  });

  test('gives the text back where the model keeps all of it', () => {
    const model = readSentencePiece(fromBase64(base64)!);
    const tokenizer = tokenizerOf(base64);
    const isWhole = model.byteFallback && !model.removeExtraSpaces;
    for (const text of isWhole ? texts.filter((text) => !text.includes('\u2581')) : [])
      expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(text);
  });

  test('names the token that begins a text', () => {
    expect(readSentencePiece(fromBase64(base64)!).bosId).toBe(bosId < 0 ? null : bosId);
  });
});

describe('unigram from GGUF metadata', () => {
  test.each(models.filter(({ name }) => name.startsWith('unigram')))('$name', ({ base64, ids }) => {
    const model = readSentencePiece(fromBase64(base64)!);
    const built = tokenizerJsonFromGguf(
      new Map<string, unknown>([
        ['tokenizer.ggml.model', 't5'],
        ['tokenizer.ggml.tokens', model.pieces],
        ['tokenizer.ggml.scores', model.scores],
        ['tokenizer.ggml.token_type', model.types],
        ['tokenizer.ggml.precompiled_charsmap', [...model.charsmap]],
        ['tokenizer.ggml.add_space_prefix', model.addDummyPrefix],
        ['tokenizer.ggml.remove_extra_whitespaces', model.removeExtraSpaces],
        ['tokenizer.ggml.eos_token_id', model.pieces.indexOf('</s>')],
      ]),
    );
    expect(built.eosIds).toEqual([model.pieces.indexOf('</s>')]);
    const tokenizer = Tokenizer.parse(built.json, built);
    for (const [i, text] of texts.entries())
      expect(tokenizer.encode(text, { special: false })).toEqual(ids[i]);
  });
});

describe('hostile tokenizer.model files end in an EngineError', () => {
  const file = fromBase64(models[3]!.base64)!;
  const use = async (bytes: Uint8Array) =>
    await outcome(() => {
      const json = JSON.stringify(sentencePieceJson(readSentencePiece(bytes)));
      Tokenizer.parse(json, NO_FACTS).encode('Ａ the <word> ﬁ', { special: true });
      return Promise.resolve();
    });
  const CODES = ['ok', 'E_FORMAT_INVALID', 'E_TOKENIZER_INVALID'];

  test('cut off anywhere', async () => {
    for (const bad of truncations(file, 200, 97)) expect(CODES).toContain(await use(bad));
    expect(await use(new Uint8Array(0))).toBe('E_TOKENIZER_INVALID');
  });

  test('bits turned', async () => {
    const seen = new Set<string>();
    for (const bad of bitFlips(file, { count: 400, within: file.length, seed: 41 }))
      seen.add(await use(bad));
    expect(CODES).toEqual(expect.arrayContaining([...seen]));
    expect(seen.size).toBeGreaterThan(1);
  });

  test('a normalizer whose rules are no trie', async () => {
    for (const rules of [[1], [255, 255, 255, 255, 0], [4, 0, 0, 0, 255, 255, 255, 255]]) {
      const normalizer = new WireWriter().bytes(2, Uint8Array.from(rules)).done();
      const data = Uint8Array.from([...file, ...new WireWriter().bytes(3, normalizer).done()]);
      expect(CODES).toContain(await use(data));
    }
  });

  test.each([
    ['words as they are', new WireWriter().int(3, 3), 'model type 3'],
    ['spaces after words', new WireWriter().int(3, 1).int(24, 1), 'spaces after words'],
  ])('%s are refused by name', (_, trainer, text) => {
    const more = new WireWriter().message(2, trainer).done();
    expect(() => readSentencePiece(Uint8Array.from([...file, ...more]))).toThrow(text);
  });

  test('more pieces than any vocabulary has', () => {
    const piece = new WireWriter().bytes(1, new Uint8Array(0)).done();
    const data = new Uint8Array(piece.length * 1_000_001);
    for (let at = 0; at < data.length; at += piece.length) data.set(piece, at);
    expect(() => readSentencePiece(data)).toThrow('at most 1000000 pieces');
  });
});
