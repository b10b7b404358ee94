/**
 * Reads a tokenizer.json: the vocabulary and its merges straight into tables, the few settings around
 * them as plain JSON. Hostile input: kinds, ids and counts are checked.
 * Format: huggingface.co/docs/tokenizers.
 */
import { EngineError } from '../base/errors.ts';
import { JsonCursor } from './json-cursor.ts';
import type { ByteRange } from './json-cursor.ts';
import { Bpe } from './models/bpe.ts';
import { MergeTable } from './models/merge-table.ts';
import { byteIds } from './models/token-model.ts';
import type { TokenModel } from './models/token-model.ts';
import { Unigram } from './models/unigram.ts';
import { WordPiece } from './models/word-piece.ts';
import { PieceTable } from './piece-table.ts';
import { MAX_VOCAB } from './vocabulary-json.ts';

export type JsonObject = Record<string, unknown>;

export interface TokenizerFile {
  /** Everything but model.vocab and model.merges. */
  readonly json: JsonObject;
  readonly pieces: PieceTable;
  readonly model: TokenModel;
  /** UTF-16 units of the longest piece. */
  readonly longestPiece: number;
}

const MAX_MERGES = 4 * MAX_VOCAB;
/** Every prefix of a text up to the longest piece is looked up; real ones have some fifty bytes. */
const MAX_UNIGRAM_BYTES = 512;
const SPACE = 0x20;
/** Parts of model that are read into tables. */
const TABLES: readonly string[] = ['vocab', 'merges'];
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** @throws {EngineError} E_TOKENIZER_INVALID */
export function readTokenizerFile(bytes: Uint8Array): TokenizerFile {
  const tables = new Map<string, ByteRange>();
  const json = readSettings(bytes, tables);
  const settings = asObject(json['model'], 'tokenizer.json: model');
  const type = modelType(settings, tables, bytes);
  const vocab = tables.get('vocab');
  if (vocab === undefined)
    throw invalid('tokenizer.json: model.vocab; expected an object, got nothing.');
  const pieces = new PieceTable();
  const reader = type === 'Unigram' ? readScoredVocab : readVocab;
  const facts = reader(new JsonCursor(bytes, vocab), pieces);
  const merges = tables.get('merges');
  const special = specialIds(json['added_tokens']);
  const model = MODELS[type]({ bytes, settings, pieces, merges, special, ...facts });
  pieces.trim();
  return { json, pieces, model, longestPiece: facts.longestPiece };
}

/** The file without its tables, whose places go to `tables`. */
function readSettings(bytes: Uint8Array, tables: Map<string, ByteRange>): JsonObject {
  const cursor = new JsonCursor(bytes);
  const textOf = ({ start, end }: ByteRange) => decoder.decode(bytes.subarray(start, end));
  const json: JsonObject = {};
  cursor.members((name) => {
    if (name !== 'model' || cursor.peek() !== '{'.charCodeAt(0)) {
      define(json, name, JSON.parse(textOf(cursor.skip())));
      return;
    }
    const model: JsonObject = {};
    cursor.members((field) => {
      const range = cursor.skip();
      if (TABLES.includes(field)) tables.set(field, range);
      else define(model, field, JSON.parse(textOf(range)));
    });
    json['model'] = model;
  });
  if (cursor.peek() >= 0)
    throw invalid('tokenizer.json: text after the object. Import the model again.');
  return json;
}

/** As JSON.parse does it, also for a member named `__proto__`. */
function define(object: JsonObject, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

interface VocabFacts {
  readonly longestPiece: number;
  readonly longestBytes: number;
  /** By id; only where the vocabulary has them. */
  readonly scores: readonly number[];
}

interface ModelParts extends VocabFacts {
  readonly bytes: Uint8Array;
  readonly settings: JsonObject;
  readonly pieces: PieceTable;
  readonly merges: ByteRange | undefined;
  /** Ids of special tokens. */
  readonly special: readonly number[];
}

/** Algorithms that cut texts into tokens. */
const MODELS = {
  BPE({ bytes, settings, pieces, merges }: ModelParts): TokenModel {
    const unkId = idOfToken(settings['unk_token'], pieces);
    if (merges === undefined) throw invalid('tokenizer.json: model.merges; expected an array.');
    return new Bpe(pieces, readMerges(new JsonCursor(bytes, merges), pieces), {
      unkId,
      fuseUnk: settings['fuse_unk'] === true,
      byteFallback: settings['byte_fallback'] === true,
      ignoreMerges: settings['ignore_merges'] === true,
      endOfWordSuffix: textOr(settings['end_of_word_suffix'], ''),
    });
  },
  WordPiece({ settings, pieces }: ModelParts): TokenModel {
    const longest = settings['max_input_chars_per_word'];
    return new WordPiece(pieces, {
      unkId: idOfToken(settings['unk_token'], pieces),
      prefix: textOr(settings['continuing_subword_prefix'], '##'),
      maxWordChars: typeof longest === 'number' ? longest : 100,
    });
  },
  Unigram({ settings, pieces, scores, longestBytes, special }: ModelParts): TokenModel {
    const unkId = settings['unk_id'];
    if (typeof unkId !== 'number' || !Number.isInteger(unkId) || unkId < 0 || unkId > pieces.maxId)
      throw invalid(
        `tokenizer.json: model.unk_id; expected an id of the vocabulary, got ${String(unkId)}.`,
      );
    if (longestBytes > MAX_UNIGRAM_BYTES)
      throw invalid(
        `tokenizer.json: model.vocab; expected pieces of at most ${MAX_UNIGRAM_BYTES} bytes in a ` +
          `unigram model, got ${longestBytes}.`,
      );
    const byteFallback = settings['byte_fallback'] === true;
    const bytePieces = byteFallback ? byteIds(pieces) : [];
    const reserved = new Set([...special, ...bytePieces]);
    const options = { unkId, byteFallback, longestBytes, reserved };
    return new Unigram(pieces, Float64Array.from(scores), options);
  },
} as const;
type ModelType = keyof typeof MODELS;

function modelType(
  settings: JsonObject,
  tables: ReadonlyMap<string, ByteRange>,
  bytes: Uint8Array,
): ModelType {
  const { type } = settings;
  if (typeof type === 'string' && Object.hasOwn(MODELS, type)) return type as ModelType;
  if (type !== undefined)
    throw invalid(
      `tokenizer.json: model.type; expected one of ${Object.keys(MODELS).join(', ')}, ` +
        `got ${JSON.stringify(type).slice(0, 80)}. Only such tokenizers are supported.`,
    );
  // Files of before 2020 do not name it.
  const vocab = tables.get('vocab');
  if (vocab !== undefined && bytes[vocab.start] === '['.charCodeAt(0)) return 'Unigram';
  return tables.has('merges') ? 'BPE' : 'WordPiece';
}

function readVocab(cursor: JsonCursor, pieces: PieceTable): VocabFacts {
  const longest = { units: 0, bytes: 0 };
  cursor.items('{', () => {
    cursor.string();
    const entry = internText(cursor, pieces, longest);
    cursor.expect(':');
    const id = cursor.number();
    if (!isTokenId(id))
      throw invalid(
        `tokenizer.json: model.vocab; expected ids below ${MAX_VOCAB}, got ${String(id)}.`,
      );
    pieces.setId(entry, id);
  });
  return { longestPiece: longest.units, longestBytes: longest.bytes, scores: [] };
}

/** A list of pairs, a piece and its score: ids follow from the order. */
function readScoredVocab(cursor: JsonCursor, pieces: PieceTable): VocabFacts {
  const longest = { units: 0, bytes: 0 };
  const scores: number[] = [];
  cursor.items('[', () => {
    cursor.expect('[');
    cursor.string();
    const entry = internText(cursor, pieces, longest);
    cursor.expect(',');
    pieces.setId(entry, scores.length);
    scores.push(cursor.number());
    cursor.expect(']');
    if (scores.length > MAX_VOCAB)
      throw invalid(`tokenizer.json: model.vocab; expected at most ${MAX_VOCAB} pieces.`);
  });
  return { longestPiece: longest.units, longestBytes: longest.bytes, scores };
}

function internText(
  { text, textStart, textEnd }: JsonCursor,
  pieces: PieceTable,
  longest: { units: number; bytes: number },
): number {
  longest.bytes = Math.max(longest.bytes, textEnd - textStart);
  longest.units = Math.max(longest.units, utf16Length(text, textStart, textEnd));
  return pieces.intern(text, textStart, textEnd);
}

/** UTF-16 units of a UTF-8 text: one a character, two for those of four bytes. */
function utf16Length(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; i++)
    length += ((bytes[i]! & 0xc0) === 0x80 ? 0 : 1) + (bytes[i]! >= 0xf0 ? 1 : 0);
  return length;
}

/** Merges as "left right" or ["left", "right"]; parts that are no tokens become entries, too. */
function readMerges(cursor: JsonCursor, pieces: PieceTable): MergeTable {
  const merges = new MergeTable(pieces);
  cursor.items('[', () => {
    if (merges.size >= MAX_MERGES)
      throw invalid(`tokenizer.json: model.merges; expected at most ${MAX_MERGES}.`);
    if (cursor.takes('[')) {
      const left = internString(cursor, pieces);
      cursor.expect(',');
      merges.add(left, internString(cursor, pieces));
      cursor.expect(']');
    } else addMerge(cursor, pieces, merges);
  });
  merges.trim();
  return merges;
}

function internString(cursor: JsonCursor, pieces: PieceTable): number {
  cursor.string();
  return pieces.intern(cursor.text, cursor.textStart, cursor.textEnd);
}

function addMerge(cursor: JsonCursor, pieces: PieceTable, merges: MergeTable): void {
  cursor.string();
  const { text, textStart, textEnd } = cursor;
  const space = text.indexOf(SPACE, textStart);
  if (space < 0 || space >= textEnd) {
    merges.addNothing();
    return;
  }
  const second = text.indexOf(SPACE, space + 1);
  const end = second < 0 || second > textEnd ? textEnd : second;
  merges.add(pieces.intern(text, textStart, space), pieces.intern(text, space + 1, end));
}

/** What readAddedTokens (tokenizer.ts) checks is only looked at here. */
function specialIds(added: unknown): number[] {
  if (!Array.isArray(added)) return [];
  return added.flatMap((row: unknown) => {
    const { id, special } = (row ?? {}) as JsonObject;
    return special === true && isTokenId(id) ? [id] : [];
  });
}

function idOfToken(token: unknown, pieces: PieceTable): number | null {
  return typeof token === 'string' ? pieces.idOfText(token) : null;
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

export function isTokenId(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MAX_VOCAB;
}

export function invalid(message: string, cause?: unknown): EngineError {
  return new EngineError('E_TOKENIZER_INVALID', message, { cause });
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as JsonObject;
  throw invalid(`${what}: expected an object, got ${JSON.stringify(value)?.slice(0, 40)}.`);
}
