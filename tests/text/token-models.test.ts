/**
 * The compact vocabulary against `@huggingface/tokenizers`, whose models keep maps of strings: the same
 * ids for seeded vocabularies, and damaged files end in an EngineError.
 */
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';
import { EMPTY_HASH, hashByte, PieceTable } from '../../engine/text/piece-table.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { bitFlips, outcome, truncations } from '../support/hostile.ts';
import { seededRandom } from '../support/random.ts';

const NO_FACTS = { addBos: false, bosId: null, eosIds: [] };
const ALPHABET = ['a', 'b', 'c', 'é', '漢', '🤖', '\u2581', '"', '\\', '\n'];

interface Model {
  readonly type: string;
  readonly vocab: Record<string, number>;
  readonly merges?: readonly unknown[];
  readonly [option: string]: unknown;
}

function fileOf(model: Model) {
  const rest = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null };
  return { version: '1.0', ...rest, decoder: null, model };
}

/** Pieces grown by joining two known ones; some merges lead to no piece. */
function randomBpe(seed: number): Model {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const pieces = [...ALPHABET.slice(0, 8), '<unk>', '</w>'];
  if (random() < 0.5)
    for (let i = 0; i < 256; i++)
      pieces.push(`<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const known = ALPHABET.map((char) => char);
  const merges: [string, string][] = [];
  for (let i = 0; i < 60; i++) {
    const pair: [string, string] = [pick(known), pick(known)];
    merges.push(pair);
    known.push(pair.join(''));
    if (random() < 0.8 && !pieces.includes(pair.join(''))) pieces.push(pair.join(''));
  }
  const asText = random() < 0.5;
  return {
    type: 'BPE',
    unk_token: random() < 0.7 ? '<unk>' : null,
    fuse_unk: random() < 0.5,
    byte_fallback: random() < 0.5,
    ignore_merges: random() < 0.3,
    end_of_word_suffix: random() < 0.2 ? '</w>' : null,
    continuing_subword_prefix: null,
    vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
    merges: asText ? merges.map((pair) => pair.join(' ')) : merges,
  };
}

function randomTexts(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const chars = [...ALPHABET, 'z', 'ß', '😀'];
  return Array.from({ length: count }, () =>
    Array.from(
      { length: Math.floor(random() * 40) },
      () => chars[Math.floor(random() * chars.length)]!,
    ).join(''),
  );
}

function expectSameIds(model: Model, texts: readonly string[]): void {
  const file = fileOf(model);
  const reference = new HfTokenizer(file, {});
  const tokenizer = Tokenizer.parse(JSON.stringify(file), NO_FACTS);
  for (const text of texts) {
    const want = reference.encode(text, { add_special_tokens: false }).ids;
    expect(tokenizer.encode(text, { special: false }), JSON.stringify(text)).toEqual(
      want.filter((id: number | undefined) => id !== undefined),
    );
  }
}

describe('the library gives the same ids', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))('BPE of seed %i', (seed) => {
    expectSameIds(randomBpe(seed), randomTexts(seed + 1000, 60));
  });

  test.each([5, 100])('WordPiece with words of at most %i characters', (longest) => {
    const pieces = ['[UNK]', 'a', 'ab', '漢', '##b', '##c', '##bc', '##🤖', '##é', 'éa', '##a'];
    const model = {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: longest,
      vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
    };
    expectSameIds(model, ['a', 'abc', 'abcbcbca', 'ab漢', '漢a🤖é', ...randomTexts(7, 200)]);
  });
});

describe('pieces', () => {
  test('come out of escapes as JSON.parse has them', () => {
    const pieces = [
      '\u0000',
      '"',
      '\\',
      '/',
      '\b\f\n\r\t',
      'é',
      '漢',
      '🤖',
      'a\u2028',
      '__proto__',
    ];
    const escaped = (piece: string) =>
      [...piece].map((char) =>
        [...Array(char.length).keys()]
          .map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`)
          .join(''),
      );
    for (const spell of [
      (piece: string) => JSON.stringify(piece),
      (piece: string) => `"${escaped(piece).join('')}"`,
    ]) {
      const vocab = pieces.map((piece, i) => `${spell(piece)} :\t${i}`).join(' ,\n');
      const text = `{"model" : {"merges":[ ], "vocab": {${vocab}}, "type":"BPE"}}`;
      const tokenizer = Tokenizer.parse(text, NO_FACTS);
      const decoder = new TextDecoder();
      expect(pieces.map((_, id) => decoder.decode(tokenizer.tokenBytes(id)))).toEqual(pieces);
    }
  });

  test('take a few bytes each, also when there are many', () => {
    const table = new PieceTable();
    const encoder = new TextEncoder();
    for (let id = 0; id < 262_144; id++) {
      const piece = encoder.encode(`piece ${id.toString(36)}`);
      table.setId(table.intern(piece, 0, piece.length), id);
    }
    table.trim();
    expect([table.size, table.pieceOf(262_143), table.idOfText('piece 2s')]).toEqual([
      ...[262_144, `piece ${(262_143).toString(36)}`, 100],
    ]);
    // The text, where it begins, its id and back, its slot.
    expect(table.byteLength / 262_144).toBeLessThan(40);
  });
});

/**
 * 2^`stages` texts of one hash: for each stage two blocks that lead from one state to the same next one
 * (Joux, Multicollisions in iterated hash functions, 2004).
 */
function collidingTexts(stages: number): string[] {
  const random = seededRandom(9);
  let hash = EMPTY_HASH;
  let texts = [''];
  for (let stage = 0; stage < stages; stage++) {
    const seen = new Map<number, string>();
    for (;;) {
      const block = Math.floor(random() * 36 ** 6).toString(36);
      const next = [...block].reduce((state, char) => hashByte(state, char.charCodeAt(0)), hash);
      const other = seen.get(next);
      seen.set(next, block);
      if (other === undefined || other === block) continue;
      texts = texts.flatMap((text) => [text + block, text + other]);
      hash = next;
      break;
    }
  }
  return texts;
}

describe('hostile tokenizer.json files', () => {
  const file = new TextEncoder().encode(JSON.stringify(fileOf(randomBpe(3))));
  const use = async (bytes: Uint8Array) =>
    await outcome(() => {
      Tokenizer.parse(bytes, NO_FACTS).encode('abc', { special: true });
      return Promise.resolve();
    });

  test('cut off anywhere', async () => {
    for (const bad of truncations(file, 100_000, 1))
      expect(await use(bad)).toBe('E_TOKENIZER_INVALID');
  });

  test('pieces that are made to collide', async () => {
    const vocab = Object.fromEntries(collidingTexts(14).map((text, id) => [text, id]));
    const json = JSON.stringify(fileOf({ type: 'WordPiece', unk_token: null, vocab }));
    expect(await use(new TextEncoder().encode(json))).toBe('E_TOKENIZER_INVALID');
  });

  test('bits turned', async () => {
    const seen = new Set<string>();
    for (const bad of bitFlips(file, { count: 1500, within: file.length, seed: 5 }))
      seen.add(await use(bad));
    expect([...seen].sort()).toEqual(['E_TOKENIZER_INVALID', 'ok']);
  });

  test.each([
    ['text after it', '{"model":{"type":"BPE","vocab":{},"merges":[]}} x'],
    ['nested without end', '['.repeat(100_000)],
    ['a member nested without end', `{"model":${'['.repeat(100_000)}`],
    ['an id that is text', '{"model":{"type":"BPE","vocab":{"a":"b"},"merges":[]}}'],
    ['a negative id', '{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}'],
    ['merges that are no list', '{"model":{"type":"BPE","vocab":{"a":0},"merges":{}}}'],
    ['merges that are missing', '{"model":{"type":"BPE","vocab":{"a":0}}}'],
    ['an unknown escape', '{"model":{"type":"BPE","vocab":{"\\q":0},"merges":[]}}'],
    ['half an escape', '{"model":{"type":"BPE","vocab":{"\\u12":0},"merges":[]}}'],
    ['scores that are text', '{"model":{"type":"Unigram","unk_id":0,"vocab":[["a","b"]]}}'],
    [
      'an unknown token beyond the end',
      '{"model":{"type":"Unigram","unk_id":1,"vocab":[["a",0]]}}',
    ],
  ])('%s', async (_, text) => {
    expect(await use(new TextEncoder().encode(text))).toBe('E_TOKENIZER_INVALID');
  });
});
