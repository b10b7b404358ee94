/**
 * Text to token ids and back. `@huggingface/tokenizers` normalizes texts and cuts them into words; words
 * are cut into tokens by engine/text/models, whose tables take a tenth of the library's memory.
 * Special tokens are cut out before, so that only a caller who says so gets them from text.
 * Knows no models and no files: the text of a tokenizer.json goes in.
 */
import { EngineError } from '../base/errors.ts';
import { atOnce } from '../base/turns.ts';
import type { Steps } from '../base/turns.ts';
import { Detokenizer } from './detokenizer.ts';
import { createLibrary, createNormalizer } from './normalizer.ts';
import type { Normalize } from './normalizer.ts';
import { BYTE_LEVEL_PATTERN, byteLevelJson, splitJson } from './pre-tokenizers.ts';
import { type AddedTokenRow, SpecialSplitter } from './special-splitter.ts';
import { checkPattern, regexOf } from './safe-pattern.ts';
import { bytesOfByteLevelPiece, bytesOfSentencePiece, bytesOfWordPiece } from './token-bytes.ts';
import { asObject, invalid, isTokenId, readTokenizerFile } from './tokenizer-file.ts';
import type { JsonObject, TokenizerFile } from './tokenizer-file.ts';
import type { TokenizerFacts } from './tokenizer-json.ts';
import { WordPiece } from './models/word-piece.ts';
import { SLICE_CHARS } from './models/token-model.ts';
import type { TokenModel } from './models/token-model.ts';
import type { PieceTable } from './piece-table.ts';

export interface EncodeOptions {
  /** Whether the text's special-token literals become special tokens. False for what users write. */
  readonly special: boolean;
  /** Begin with the BOS token when the model wants one. Default false. */
  readonly bos?: boolean;
}

const EMPTY = new Uint8Array(0);
/**
 * Longest text cut into words at once. A longer word is cut inside, and only there its tokens may differ from
 * those of the whole: it would take about 60 bytes a letter, and longer than others should wait.
 */
const MAX_PART_CHARS = 32 * 1024;

export class Tokenizer {
  readonly facts: TokenizerFacts;
  readonly nVocab: number;
  /** Whether encoding puts a space before the text (SentencePiece). */
  readonly addsSpacePrefix: boolean;
  /** No token stands for more bytes of text than this. */
  readonly longestTokenBytes: number;
  readonly #splitter: SpecialSplitter;
  readonly #bytesOfPiece: (piece: string) => Uint8Array;
  readonly #pieces: PieceTable;
  readonly #model: TokenModel;
  readonly #normalize: Normalize;
  readonly #cutWords: (text: string) => readonly string[];

  private constructor({ json, pieces, model, longestPiece }: TokenizerFile, facts: TokenizerFacts) {
    const added = readAddedTokens(json['added_tokens']);
    this.facts = facts;
    this.#splitter = new SpecialSplitter(added);
    this.#pieces = pieces;
    this.#model = model;
    this.#normalize = createNormalizer(json['normalizer'] ?? null);
    this.#cutWords = createWordCutter(json['pre_tokenizer'] ?? null);
    const isByteLevel =
      mentionsByteLevel(json['pre_tokenizer']) || mentionsByteLevel(json['decoder']);
    const others = model instanceof WordPiece ? bytesOfWordPiece : bytesOfSentencePiece;
    this.#bytesOfPiece = isByteLevel ? bytesOfByteLevelPiece : others;
    this.addsSpacePrefix = !isByteLevel && addsSpacePrefix(json);
    this.nVocab = 1 + Math.max(pieces.maxId, ...added.map(({ id }) => id));
    const literals = this.#splitter.literals.map(({ length }) => length);
    const longest = Math.max(1, longestPiece, ...literals);
    // A piece's letter is one byte in byte-level vocabularies, up to three in others.
    this.longestTokenBytes = isByteLevel ? longest : longest * 3;
  }

  /**
   * @param json the text of a tokenizer.json, or its UTF-8, which takes less memory to read
   * @throws {EngineError} E_TOKENIZER_INVALID
   */
  static parse(json: string | Uint8Array, facts: TokenizerFacts): Tokenizer {
    try {
      const bytes = typeof json === 'string' ? new TextEncoder().encode(json) : json;
      return new Tokenizer(readTokenizerFile(bytes), facts);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      const what = error instanceof Error ? error.message : String(error);
      throw invalid(`tokenizer.json: ${what}. Import the model again.`, error);
    }
  }

  /** Lone surrogates become U+FFFD, as in any UTF-8 encoder. */
  encode(text: string, options: EncodeOptions): number[] {
    return atOnce(this.encodeSteps(text, options));
  }

  /** `encode` in parts: others may have their turns between slices of a long text. */
  *encodeSteps(text: string, options: EncodeOptions): Steps<number[]> {
    const ids = this.#startIds(options.bos ?? false);
    yield* this.#appendText(ids, text.toWellFormed(), options.special, null);
    return ids;
  }

  /**
   * Encodes a rendered chat template: special-token literals become special tokens, except those
   * broken by `sentinel` (see chat-template.ts), which is taken out afterwards.
   */
  encodeTemplate(rendered: string, sentinel: string | null): number[] {
    return atOnce(this.encodeTemplateSteps(rendered, sentinel));
  }

  /** `encodeTemplate` in parts. */
  *encodeTemplateSteps(rendered: string, sentinel: string | null): Steps<number[]> {
    const ids: number[] = [];
    yield* this.#appendText(ids, rendered.toWellFormed(), true, sentinel);
    const { addBos, bosId } = this.facts;
    if (addBos && bosId !== null && ids[0] !== bosId) ids.unshift(bosId);
    return ids;
  }

  /** Text of `ids`; special tokens appear as their literals. */
  decode(ids: readonly number[]): string {
    return atOnce(this.decodeSteps(ids));
  }

  /** `decode` in parts. */
  *decodeSteps(ids: readonly number[]): Steps<string> {
    const detokenizer = new Detokenizer(this, { atTextStart: true, special: true });
    let text = '';
    for (const [index, id] of ids.entries()) {
      if (index % SLICE_CHARS === SLICE_CHARS - 1) yield;
      text += detokenizer.push(id);
    }
    return text + detokenizer.flush();
  }

  /** The bytes a token stands for; several tokens may make up one character. */
  tokenBytes(id: number): Uint8Array {
    const added = this.#splitter.contentOf(id);
    // A vocabulary of SentencePiece writes spaces in such tokens as in others.
    if (added !== undefined && (this.isSpecial(id) || this.#bytesOfPiece !== bytesOfSentencePiece))
      return new TextEncoder().encode(added);
    const piece = added ?? this.#pieces.pieceOf(id);
    return piece === undefined ? EMPTY : this.#bytesOfPiece(piece);
  }

  /** True for tokens that mark structure (turns, ends) and are not text. */
  isSpecial(id: number): boolean {
    return this.#splitter.isSpecial(id);
  }

  /** Literals that must not become special when they stand in text from a user. */
  get specialLiterals(): readonly string[] {
    return this.#splitter.specialLiterals;
  }

  /** Literals of the BOS and EOS tokens, which chat templates may name. */
  literalOf(id: number | null | undefined): string {
    return id === null || id === undefined ? '' : (this.#splitter.contentOf(id) ?? '');
  }

  #startIds(bos: boolean): number[] {
    const { addBos, bosId } = this.facts;
    return bos && addBos && bosId !== null ? [bosId] : [];
  }

  *#appendText(
    ids: number[],
    text: string,
    special: boolean,
    sentinel: string | null,
  ): Steps<void> {
    let nChar = 0;
    for (const part of this.#splitter.split(text, special)) {
      if (typeof part === 'number') {
        ids.push(part);
        continue;
      }
      const plain = sentinel === null ? part : part.replaceAll(sentinel, '');
      const pieces = cutBeforeSpaces(plain, SLICE_CHARS, MAX_PART_CHARS);
      for (const [index, piece] of pieces.entries()) {
        yield* this.#appendPart(ids, piece, index > 0);
        nChar += piece.length;
        if (nChar < SLICE_CHARS) continue;
        nChar = 0;
        yield;
      }
    }
  }

  *#appendPart(ids: number[], text: string, isContinued: boolean): Steps<void> {
    // The space that a later part begins with is the one that the vocabulary's rule would add.
    const dropsSpace = isContinued && this.addsSpacePrefix && text.startsWith(' ');
    const plain = dropsSpace ? text.slice(1) : text;
    if (plain === '') return;
    const normalized = guard('normalizer', () => this.#normalize(plain));
    if (normalized === '') return;
    for (const section of this.#splitter.splitNormalized(normalized)) {
      if (typeof section === 'number') ids.push(section);
      else
        yield* this.#model.encode(
          guard('pre_tokenizer', () => this.#cutWords(section)),
          ids,
        );
    }
  }
}

/**
 * Parts of some `chars` characters, cut where a space follows a character that is not one: there every
 * pre-tokenizer cuts, too. A longer word makes a longer part; only one longer than `maxChars` is cut inside.
 */
export function cutBeforeSpaces(text: string, chars: number, maxChars = chars): string[] {
  const parts: string[] = [];
  let from = 0;
  while (text.length - from > chars) {
    const most = Math.min(text.length, from + maxChars);
    let to = from + chars;
    while (to > from && !isWordStart(text, to)) to--;
    if (to === from) for (to = from + chars; to < most && !isWordStart(text, to);) to++;
    if (to === text.length) break;
    // Not between the halves of a surrogate pair.
    if (/[\udc00-\udfff]/.test(text[to] ?? '')) to--;
    parts.push(text.slice(from, to));
    from = to;
  }
  return [...parts, text.slice(from)];
}

function isWordStart(text: string, at: number): boolean {
  return text[at] === ' ' && /\S/u.test(text[at - 1] ?? '');
}

/** The library checks its settings when it uses them. */
function guard<T>(part: 'normalizer' | 'pre_tokenizer', run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const what = error instanceof Error ? error.message.slice(0, 200) : String(error);
    throw invalid(`tokenizer.json: ${part}: ${what}. Import the model again.`, error);
  }
}

/** What cuts normalized text into words. */
function createWordCutter(json: unknown): (text: string) => readonly string[] {
  const rows = preTokenizerRows(json);
  if (rows.length > MAX_PRE_TOKENIZERS || rows.filter(isByteLevel).length > 1)
    throw invalid(
      `tokenizer.json: pre_tokenizer; expected at most ${MAX_PRE_TOKENIZERS} steps, one of them ByteLevel, ` +
        `got ${rows.length}. Each ByteLevel step makes a text longer.`,
    );
  const { pre_tokenizer: cutter } = createLibrary(null, exactPreTokenizer(json));
  if (cutter === null) return (text) => [text];
  return (text) => cutter.pre_tokenize(text, { section_index: 0 });
}

/**
 * The library's own `Digits` and `ByteLevel` patterns use JavaScript's \d and \s, which are not the
 * reference's (no digits but ASCII, U+FEFF as a space); as `Split` rows they are translated well.
 */
function exactPreTokenizer(json: unknown): unknown {
  if (json === null) return null;
  const row = asObject(json, 'tokenizer.json: pre_tokenizer');
  const pattern = regexOf(row['pattern']);
  if (pattern !== null) checkPattern(pattern, 'pre_tokenizer');
  if (row['type'] === 'Sequence' && Array.isArray(row['pretokenizers']))
    return { ...row, pretokenizers: row['pretokenizers'].map(exactPreTokenizer) };
  if (row['type'] === 'Digits') return splitJson(row['individual_digits'] ? '\\p{N}' : '\\p{N}+');
  if (row['type'] === 'ByteLevel' && row['use_regex'] !== false && !row['add_prefix_space'])
    return { type: 'Sequence', pretokenizers: [splitJson(BYTE_LEVEL_PATTERN), byteLevelJson()] };
  return row;
}

/** Steps of a pre-tokenizer; the longest known has six. */
export const MAX_PRE_TOKENIZERS = 32;

/** The steps of a pre-tokenizer, in nested sequences too; one more than are allowed at most. */
function preTokenizerRows(json: unknown): readonly JsonObject[] {
  const rows: JsonObject[] = [];
  const open: unknown[] = [json];
  while (open.length > 0 && rows.length <= MAX_PRE_TOKENIZERS) {
    const row = open.pop();
    if (typeof row !== 'object' || row === null) continue;
    rows.push(row as JsonObject);
    const parts = (row as JsonObject)['pretokenizers'];
    if (Array.isArray(parts)) for (const part of parts) open.push(part);
  }
  return rows;
}

function isByteLevel({ type }: JsonObject): boolean {
  return type === 'ByteLevel';
}

function mentionsByteLevel(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  const row = json as JsonObject;
  const parts = row['pretokenizers'] ?? row['decoders'];
  return row['type'] === 'ByteLevel' || (Array.isArray(parts) && parts.some(mentionsByteLevel));
}

function addsSpacePrefix(json: JsonObject): boolean {
  const prefixed = (row: unknown): boolean => {
    if (typeof row !== 'object' || row === null) return false;
    const { type, prepend_scheme, normalizers, pretokenizers } = row as JsonObject;
    if (type === 'Prepend') return true;
    if (type === 'Metaspace') return prepend_scheme !== 'never';
    const parts = normalizers ?? pretokenizers;
    return Array.isArray(parts) && parts.some(prefixed);
  };
  return prefixed(json['normalizer']) || prefixed(json['pre_tokenizer']);
}

function readAddedTokens(json: unknown): AddedTokenRow[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw invalid('tokenizer.json: added_tokens; expected an array.');
  return json.map((entry: unknown, index) => {
    const { id, content, special, lstrip, rstrip, normalized } = asObject(
      entry,
      `added_tokens[${index}]`,
    );
    if (!isTokenId(id) || typeof content !== 'string' || content === '')
      throw invalid(`tokenizer.json: added_tokens[${index}]; expected an id and its content.`);
    const flags = { special: special === true, lstrip: lstrip === true, rstrip: rstrip === true };
    return { id, content, ...flags, normalized: normalized === true && special !== true };
  });
}
