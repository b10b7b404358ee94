/** Tokenizers from foreign vocabularies, against rules written out here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { PRE_TOKENIZER_ROWS } from '../../engine/text/pre-tokenizers.ts';
import {
  tokenizerJsonFromGguf,
  tokenizerJsonFromPieces,
} from '../../engine/text/tokenizer-json.ts';
import { atOnce } from '../../engine/base/turns.ts';
import { SLICE_CHARS } from '../../engine/text/models/token-model.ts';
import { MAX_INSERTED_CHARS, MAX_NORMALIZERS } from '../../engine/text/normalizer.ts';
import { cutBeforeSpaces, MAX_PRE_TOKENIZERS, Tokenizer } from '../../engine/text/tokenizer.ts';

const assets = join(import.meta.dirname, '../../assets/stories260k');

/** llama2.c's tok512.bin: u32 longest piece, then score, length and bytes of each piece. */
function readPieces(): { pieces: string[]; scores: number[] } {
  const file = readFileSync(join(assets, 'tok512.bin'));
  const pieces: string[] = [];
  const scores: number[] = [];
  for (let at = 4; at < file.length;) {
    const bytes = file.readInt32LE(at + 4);
    scores.push(file.readFloatLE(at));
    pieces.push(file.toString('utf8', at + 8, at + 8 + bytes));
    at += 8 + bytes;
  }
  return { pieces, scores };
}

/** llama2.c's `encode`: join the best-scored adjacent pair until none is a piece. */
function encodeLikeLlama2c(text: string, pieces: string[], scores: number[]): number[] {
  if (text === '') return [];
  const idOf = new Map(pieces.map((piece, id) => [piece, id]));
  const ids = [...` ${text}`].flatMap((char) => {
    const id = idOf.get(char);
    return id === undefined ? [...new TextEncoder().encode(char)].map((byte) => byte + 3) : [id];
  });
  for (;;) {
    let best = { score: -Infinity, at: -1, id: -1 };
    for (let i = 0; i + 1 < ids.length; i++) {
      const id = idOf.get(`${pieces[ids[i] ?? -1]}${pieces[ids[i + 1] ?? -1]}`);
      const score = id === undefined ? -Infinity : (scores[id] ?? -Infinity);
      if (id !== undefined && score > best.score) best = { score, at: i, id };
    }
    if (best.at < 0) return ids;
    ids.splice(best.at, 2, best.id);
  }
}

describe('SentencePiece from llama2.c pieces', () => {
  const { pieces, scores } = readPieces();
  const built = tokenizerJsonFromPieces({ pieces, scores });
  const tokenizer = Tokenizer.parse(built.json, built);
  const texts = [
    ...['', ' ', 'Once upon a time', 'Lily  said:\n"Hello!"', 'a\tb\r\nc', 'naïve café'],
    ...[
      '漢字 🤖 👨‍👩‍👧',
      'zzzzzzzzzzz',
      ' leading',
      'trailing ',
      'Mom and Dad were very happy. '.repeat(20),
    ],
  ];

  test('gives the ids of the rule', () => {
    for (const text of texts)
      expect(tokenizer.encode(text, { special: false }), JSON.stringify(text)).toEqual(
        encodeLikeLlama2c(text, pieces, scores),
      );
  });

  test('gives the text back', () => {
    for (const text of texts)
      expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(text);
  });

  test('knows its special tokens', () => {
    expect([built.addBos, built.bosId, built.eosIds]).toEqual([true, 1, [2]]);
    expect(tokenizer.encode('Once', { special: false, bos: true })[0]).toBe(1);
    expect(tokenizer.encode('a</s>', { special: true }).at(-1)).toBe(2);
    expect(tokenizer.encode('a</s>', { special: false })).not.toContain(2);
  });
});

/** A byte-level vocabulary of all 256 bytes, a few merges and two special tokens. */
function tinyGguf(extra: readonly [string, unknown][] = []): Map<string, unknown> {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  let next = 0x100;
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : next++),
  );
  const merged = ['he', 'll', 'hell', 'hello', 'Ġhe', '__proto__', 'constructor'];
  const tokens = [...bytes, ...merged, '<|begin|>', '<|im_end|>', '<word>'];
  const types = [...Array<number>(bytes.length + merged.length).fill(1), 3, 3, 4];
  return new Map<string, unknown>([
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'gpt-2'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.merges', ['h e', 'l l', 'he ll', 'hell o', 'Ġ he']],
    ['tokenizer.ggml.bos_token_id', tokens.indexOf('<|begin|>')],
    ['tokenizer.ggml.eos_token_id', tokens.indexOf('<|im_end|>')],
    ...extra,
  ]);
}

describe('byte-level BPE from GGUF metadata', () => {
  const built = tokenizerJsonFromGguf(tinyGguf());
  const tokenizer = Tokenizer.parse(built.json, built);
  const textOf = (ids: readonly number[]) => ids.map((id) => tokenizer.decode([id]));

  test('merges by rank inside words', () => {
    // "he ll" ranks before "Ġ he", though the space comes first.
    expect(textOf(tokenizer.encode('hello hello he', { special: false }))).toEqual([
      ...['hello', ' ', 'hello', ' he'],
    ]);
  });

  test('keeps tokens named like properties of objects', () => {
    expect(tokenizer.nVocab).toBe(256 + 7 + 3);
    expect(new TextDecoder().decode(tokenizer.tokenBytes(256 + 5))).toBe('__proto__');
    expect(new TextDecoder().decode(tokenizer.tokenBytes(256 + 6))).toBe('constructor');
  });

  test('special tokens need leave, words that a vocabulary adds do not', () => {
    const ids = (special: boolean) => tokenizer.encode('<|im_end|><word>', { special });
    expect(ids(true)).toEqual([264, 265]);
    expect(ids(false)).not.toContain(264);
    expect(ids(false).at(-1)).toBe(265);
  });

  test('lone surrogates are encoded as U+FFFD', () => {
    expect(tokenizer.encode('a\ud800b', { special: false })).toEqual(
      tokenizer.encode('a\ufffdb', { special: false }),
    );
  });

  test('a template sees BOS once', () => {
    const withBos = tokenizerJsonFromGguf(tinyGguf([['tokenizer.ggml.add_bos_token', true]]));
    const bosTokenizer = Tokenizer.parse(withBos.json, withBos);
    expect(bosTokenizer.encodeTemplate('<|begin|>h', null)).toEqual([263, 104]);
    expect(bosTokenizer.encodeTemplate('h', null)).toEqual([263, 104]);
    expect(tokenizer.encodeTemplate('h', null)).toEqual([104]);
  });

  test('every row of the table splits every character into words and back', () => {
    const text = "Hello  world's 12345 ½٣ _x+=1\r\n\n\t \u00a0é漢🤖\u0085 end ";
    for (const name of PRE_TOKENIZER_ROWS.keys()) {
      const row = tokenizerJsonFromGguf(tinyGguf([['tokenizer.ggml.pre', name]]));
      const one = Tokenizer.parse(row.json, row);
      expect(one.decode(one.encode(text, { special: false })), name).toBe(text);
    }
  });
});

describe('long texts', () => {
  test('are cut into tokens in slices, with the same ids however they are mixed', () => {
    const built = tokenizerJsonFromGguf(tinyGguf());
    const tokenizer = Tokenizer.parse(built.json, built);
    const texts = ['hello '.repeat(20_000), 'hel'.repeat(30_000), '7'.repeat(40_000)];
    const expected = texts.map((text) => tokenizer.encode(text, { special: false }));
    // Parts of the texts take turns.
    const steps = texts.map((text) => tokenizer.encodeSteps(text, { special: false }));
    const made: (readonly number[])[] = [];
    const nYield = texts.map(() => 0);
    while (steps.some((_, i) => made[i] === undefined))
      for (const [i, step] of steps.entries()) {
        if (made[i] !== undefined) continue;
        const next = step.next();
        if (next.done === true) made[i] = next.value;
        else nYield[i]!++;
      }
    expect(made).toEqual(expected);
    for (const [i, n] of nYield.entries())
      expect(n).toBeGreaterThanOrEqual(Math.floor(texts[i]!.length / (2 * SLICE_CHARS)));
    const ids = expected[2]!;
    expect(atOnce(tokenizer.decodeSteps(ids))).toBe(texts[2]);
  });

  test('are cut before spaces, inside words only when they must', () => {
    expect(cutBeforeSpaces('aa bb  cc', 5)).toEqual(['aa bb', '  cc']);
    expect(cutBeforeSpaces('aaaaaaa bb', 3)).toEqual(['aaa', 'aaa', 'a', ' bb']);
    expect(cutBeforeSpaces('🤖🤖🤖', 3)).toEqual(['🤖', '🤖', '🤖']);
    expect(cutBeforeSpaces('', 3)).toEqual(['']);
  });

  test('give the ids they give whole', () => {
    const { pieces, scores } = readPieces();
    for (const built of [
      tokenizerJsonFromPieces({ pieces, scores }),
      tokenizerJsonFromGguf(tinyGguf()),
    ]) {
      const tokenizer = Tokenizer.parse(built.json, built);
      const sentence = ' Once upon  a time, hello hello.\n';
      const one = tokenizer.encode(`x${sentence}`, { special: false });
      const two = tokenizer.encode(`x${sentence}${sentence}`, { special: false });
      const period = two.slice(one.length);
      const nTimes = 6000;
      const long = tokenizer.encode(`x${sentence.repeat(nTimes)}`, { special: false });
      expect(long).toHaveLength(one.length + (nTimes - 1) * period.length);
      expect(long.slice(-period.length)).toEqual(period);
      expect(tokenizer.decode(long)).toBe(`x${sentence.repeat(nTimes)}`);
    }
  });
});

describe('vocabularies that cannot be right', () => {
  const cases: readonly [string, readonly [string, unknown], string][] = [
    ['another model', ['tokenizer.ggml.model', 'unigram'], 'gpt2, llama'],
    ['a model named like a method', ['tokenizer.ggml.model', 'toString'], 'gpt2, llama'],
    ['an unknown pre-tokenizer', ['tokenizer.ggml.pre', 'novel'], 'smollm'],
    ['no tokens', ['tokenizer.ggml.tokens', []], '1 to'],
    ['tokens that are numbers', ['tokenizer.ggml.tokens', [1, 2]], 'strings'],
    ['merges without a space', ['tokenizer.ggml.merges', ['ab']], 'left right'],
    ['types of another length', ['tokenizer.ggml.token_type', [1]], 'numbers'],
    ['a token without end', ['tokenizer.ggml.tokens', ['x'.repeat(5000)]], 'characters'],
  ];
  test.each(cases)('%s', (_what, entry, part) => {
    const read = () => tokenizerJsonFromGguf(tinyGguf([[entry[0], entry[1]]]));
    expect(read).toThrow(EngineError);
    expect(read).toThrow(part);
  });

  test.each([
    ['not JSON', '{'],
    ['no model', '{}'],
    ['ids out of range', '{"model":{"type":"BPE","vocab":{"a":1e12},"merges":[]}}'],
    ['another algorithm', '{"model":{"type":"Unigram","vocab":[["a",0]]}}'],
    ['an added token without text', '{"model":{"vocab":{},"merges":[]},"added_tokens":[{"id":0}]}'],
  ])('tokenizer.json: %s', (_what, json) => {
    const facts = { addBos: false, bosId: null, eosIds: [] };
    expect(() => Tokenizer.parse(json, facts)).toThrow(
      expect.objectContaining({ code: 'E_TOKENIZER_INVALID' }),
    );
  });
});

describe('bounds of what a tokenizer.json does to texts', () => {
  const parse = (changes: Readonly<Record<string, unknown>>) =>
    Tokenizer.parse(
      JSON.stringify({
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: null,
        decoder: null,
        model: { type: 'BPE', vocab: { '<unk>': 0, a: 1 }, merges: [], unk_token: '<unk>' },
        ...changes,
      }),
      { addBos: false, bosId: null, eosIds: [] },
    );
  const digits = { type: 'Digits', individual_digits: true };
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  const cutters = (pretokenizers: readonly object[]) => ({
    pre_tokenizer: { type: 'Sequence', pretokenizers },
  });
  const normalizers = (list: readonly object[]) => ({
    normalizer: { type: 'Sequence', normalizers: list },
  });
  const put = (content: string) => ({ type: 'Replace', pattern: { String: 'a' }, content });
  const times = <T>(n: number, one: T) => Array.from({ length: n }, () => one);

  test.each([
    ['pre-tokenizers', cutters([...times(MAX_PRE_TOKENIZERS - 2, digits), bytes])],
    ['normalizers', normalizers(times(MAX_NORMALIZERS, { type: 'NFC' }))],
    ['what is put in', { normalizer: put('b'.repeat(MAX_INSERTED_CHARS)) }],
  ])('%s: as many as the bound pass', (_, changes) => {
    expect(parse(changes).encode('a', { special: false }).length).toBeGreaterThan(0);
  });

  test.each([
    ['one pre-tokenizer too many', cutters(times(MAX_PRE_TOKENIZERS, digits))],
    ['two that make a text longer', cutters([bytes, bytes])],
    ['one normalizer too many', normalizers(times(MAX_NORMALIZERS + 1, { type: 'NFC' }))],
    ['too much put in', { normalizer: put('b'.repeat(MAX_INSERTED_CHARS + 1)) }],
    ['a text that grows step by step', normalizers(times(20, put('aa')))],
  ])('%s is refused', (_, changes) => {
    expect(() => parse(changes).encode('aaaa', { special: false })).toThrow(
      expect.objectContaining({ code: 'E_TOKENIZER_INVALID' }),
    );
  });
});
