/**
 * SentencePiece vocabularies (BPE and unigram) as a tokenizer.json with SentencePiece's own rules for
 * spaces: what its normalizer does to the whole text, a space before it once, and symbols of the user
 * looked for after that.
 * Reference: github.com/google/sentencepiece, src/normalizer.cc and src/sentencepiece_model.proto.
 */
import { toBase64 } from '../base/base64.ts';
import { readFields } from '../onnx/wire.ts';
import { mergesFromScores, pairsAsStrings } from './piece-merges.ts';
import {
  addedTokens,
  checkTokens,
  distinctPieces,
  failTokenizer,
  idsOfType,
  MAX_VOCAB,
  METASPACE,
  TOKEN_TYPE,
  vocabObject,
} from './vocabulary-json.ts';

export interface SentencePieceModel {
  readonly algorithm: 'bpe' | 'unigram';
  readonly pieces: readonly string[];
  readonly scores: readonly number[];
  /** TOKEN_TYPE of each piece. */
  readonly types: readonly number[];
  readonly byteFallback: boolean;
  /** Rules that replace characters, as SentencePiece compiles them; empty without any. */
  readonly charsmap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraSpaces: boolean;
  /** The token a text begins with; null when there is none. */
  readonly bosId: number | null;
}

/** TrainerSpec.ModelType */
const ALGORITHMS: ReadonlyMap<number, SentencePieceModel['algorithm']> = new Map([
  [1, 'unigram'],
  [2, 'bpe'],
]);
const NAME = 'tokenizer.model';
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Field numbers of sentencepiece_model.proto. */
const MODEL = { piece: 1, trainer: 2, normalizer: 3 } as const;
const PIECE = { text: 1, score: 2, type: 3 } as const;
const TRAINER = { algorithm: 3, suffixSpaces: 24, byteFallback: 35, bosId: 41 } as const;
const NORMALIZER = { charsmap: 2, dummyPrefix: 3, extraSpaces: 4, escapeSpaces: 5 } as const;

/**
 * Reads SentencePiece's tokenizer.model, a protocol buffer.
 * @throws {EngineError} E_FORMAT_INVALID for what is no protocol buffer; E_TOKENIZER_INVALID for
 *   vocabularies that cannot be right or need rules that are not supported.
 */
export function readSentencePiece(bytes: Uint8Array): SentencePieceModel {
  const pieces: string[] = [];
  const scores: number[] = [];
  const types: number[] = [];
  let trainer = new Map<number, Scalar>();
  let normalizer = new Map<number, Scalar>();
  for (const { field, wire, bytes: message } of readFields(NAME, bytes)) {
    if (wire !== 2) continue;
    if (field === MODEL.trainer) trainer = readScalars(message);
    else if (field === MODEL.normalizer) normalizer = readScalars(message);
    else if (field === MODEL.piece) {
      if (pieces.length >= MAX_VOCAB)
        failTokenizer(`${NAME}; expected at most ${MAX_VOCAB} pieces.`);
      const piece = readScalars(message);
      pieces.push(decoder.decode(piece.get(PIECE.text)?.bytes));
      scores.push(floatOf(piece.get(PIECE.score)));
      types.push(intOf(piece.get(PIECE.type), TOKEN_TYPE.normal));
    }
  }
  const type = intOf(trainer.get(TRAINER.algorithm), 1);
  const algorithm = ALGORITHMS.get(type);
  if (algorithm === undefined)
    failTokenizer(
      `${NAME}: model type ${type}; expected unigram (1) or BPE (2). Only these are supported.`,
      { type },
    );
  if (intOf(trainer.get(TRAINER.suffixSpaces), 0) !== 0)
    failTokenizer(`${NAME}: spaces after words are not supported; expected them before words.`);
  if (intOf(normalizer.get(NORMALIZER.escapeSpaces), 1) === 0)
    failTokenizer(`${NAME}: spaces as they are are not supported; expected U+2581 for them.`);
  const bosId = intOf(trainer.get(TRAINER.bosId), 1);
  return {
    ...{ algorithm, pieces, scores, types },
    byteFallback: intOf(trainer.get(TRAINER.byteFallback), 0) !== 0,
    charsmap: normalizer.get(NORMALIZER.charsmap)?.bytes ?? new Uint8Array(0),
    addDummyPrefix: intOf(normalizer.get(NORMALIZER.dummyPrefix), 1) !== 0,
    removeExtraSpaces: intOf(normalizer.get(NORMALIZER.extraSpaces), 1) !== 0,
    bosId: bosId >= 0 && bosId < pieces.length ? bosId : null,
  };
}

interface Scalar {
  readonly value: bigint;
  readonly bytes: Uint8Array;
}

/** The last value of each field counts. */
function readScalars(message: Uint8Array): Map<number, Scalar> {
  const fields = new Map<number, Scalar>();
  for (const { field, value, bytes } of readFields(NAME, message))
    fields.set(field, { value, bytes });
  return fields;
}

function intOf(scalar: Scalar | undefined, fallback: number): number {
  return scalar === undefined ? fallback : Number(scalar.value);
}

function floatOf(scalar: Scalar | undefined): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(scalar?.value ?? 0n) >>> 0, true);
  const score = view.getFloat32(0, true);
  return Number.isFinite(score)
    ? score
    : failTokenizer(`${NAME}: score ${score}; expected a number.`);
}

/** @throws {EngineError} E_TOKENIZER_INVALID for a vocabulary that cannot be right. */
export function sentencePieceJson(model: SentencePieceModel): Record<string, unknown> {
  const { pieces, types } = model;
  checkTokens(pieces);
  const unkId = types.indexOf(TOKEN_TYPE.unknown);
  if (unkId < 0) failTokenizer('vocabulary; expected a piece for unknown text, got none.');
  if (types.includes(TOKEN_TYPE.unused))
    failTokenizer('vocabulary; pieces marked as unused are not supported.');
  const special = idsOfType(types, [TOKEN_TYPE.control, TOKEN_TYPE.unknown]);
  const userDefined = idsOfType(types, [TOKEN_TYPE.userDefined]);
  const replaceSpaces = { type: 'Replace', pattern: { String: METASPACE }, content: ' ' };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(pieces, special, userDefined, true),
    normalizer: normalizerJson(model),
    pre_tokenizer: null,
    post_processor: postProcessorJson(model),
    decoder: {
      type: 'Sequence',
      decoders: [replaceSpaces, { type: 'ByteFallback' }, { type: 'Fuse' }],
    },
    model: MODELS[model.algorithm](model, unkId, [...special, ...userDefined]),
  };
}

type ModelWriter = (
  model: SentencePieceModel,
  unkId: number,
  /** Pieces that text never becomes by itself. */
  skipped: readonly number[],
) => Record<string, unknown>;

const MODELS: Record<SentencePieceModel['algorithm'], ModelWriter> = {
  bpe: ({ pieces, scores, types, byteFallback }, unkId, skipped) => ({
    type: 'BPE',
    dropout: null,
    unk_token: pieces[unkId],
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: byteFallback,
    ignore_merges: false,
    vocab: vocabObject(pieces),
    merges: pairsAsStrings(
      mergesFromScores(
        pieces,
        scores,
        new Set([...skipped, ...idsOfType(types, [TOKEN_TYPE.byte])]),
      ),
    ),
  }),
  unigram: ({ pieces, scores, byteFallback }, unkId) => ({
    type: 'Unigram',
    unk_id: unkId,
    byte_fallback: byteFallback,
    vocab: distinctPieces(pieces).map((piece, id) => [piece, scores[id] ?? 0]),
  }),
};

/** In SentencePiece's order: rules, spaces removed, the one before the text, and all as U+2581. */
function normalizerJson(model: SentencePieceModel): Record<string, unknown> {
  const replaced = (regex: string, content: string) => {
    return { type: 'Replace', pattern: { Regex: regex }, content };
  };
  const normalizers: Record<string, unknown>[] = [];
  if (model.charsmap.length > 0)
    normalizers.push({ type: 'Precompiled', precompiled_charsmap: toBase64(model.charsmap) });
  if (model.removeExtraSpaces)
    normalizers.push(replaced('\\A +|[ \u2581]+\\z', ''), replaced(' {2,}', ' '));
  if (model.addDummyPrefix) normalizers.push({ type: 'Prepend', prepend: METASPACE });
  normalizers.push({ type: 'Replace', pattern: { String: ' ' }, content: METASPACE });
  return { type: 'Sequence', normalizers };
}

/** Says that a text begins with the token that begins texts. */
function postProcessorJson({ bosId, pieces }: SentencePieceModel): Record<string, unknown> | null {
  if (bosId === null) return null;
  const token = pieces[bosId]!;
  const first = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [first, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [first, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [bosId], tokens: [token] } },
  };
}
