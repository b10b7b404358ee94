/** Vocabularies of tiny SentencePiece unigram models as GGUF metadata (tokenizer.ggml.model 't5'). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64 } from '../../engine/base/base64.ts';
import { readSentencePiece } from '../../engine/text/sentence-piece.ts';
import type { SentencePieceModel } from '../../engine/text/sentence-piece.ts';
import type { WrittenValue } from './gguf-writer.ts';

interface Fixture {
  readonly texts: readonly string[];
  readonly models: readonly { readonly name: string; readonly base64: string }[];
}

const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/sentence-piece.json'), 'utf8'),
) as Fixture;

/** Awkward texts of the languages that the tiny models were trained on. */
export const UNIGRAM_TEXTS = fixture.texts;
/** Without pieces for bytes, which llama.cpp does not use in unigram vocabularies. */
export const UNIGRAM_NAMES = ['unigram, rules, spaces removed', 'unigram, no unknown bytes'];

const [NORMAL, UNKNOWN, CONTROL, UNUSED] = [1, 2, 3, 5];

export function unigramModel(name: string): SentencePieceModel {
  const { base64 } = fixture.models.find((model) => model.name === name)!;
  return readSentencePiece(fromBase64(base64)!);
}

/** As T5's files have it: pieces as they are in the model. */
export function unigramMetadata(model: SentencePieceModel): Record<string, WrittenValue> {
  const { pieces, scores, types } = model;
  return {
    ...normalizerMetadata(model),
    'tokenizer.ggml.tokens': ['strings', pieces],
    'tokenizer.ggml.scores': ['array', 'f32', scores],
    'tokenizer.ggml.token_type': ['array', 'i32', types],
    'tokenizer.ggml.bos_token_id': ['u32', Math.max(0, pieces.indexOf('<s>'))],
    'tokenizer.ggml.eos_token_id': ['u32', pieces.indexOf('</s>')],
    'tokenizer.ggml.unknown_token_id': ['u32', types.indexOf(UNKNOWN)],
  };
}

/**
 * As llama.cpp's converter writes XLM-R: four tokens of its own before the pieces, and tokens that no text has after
 * them, of a score below all others.
 */
export function xlmRobertaMetadata(model: SentencePieceModel): Record<string, WrittenValue> {
  const kept = model.pieces.flatMap((piece, id) =>
    model.types[id] === NORMAL ? [{ piece, id }] : [],
  );
  const tokens = ['<s>', '<pad>', '</s>', '<unk>', ...kept.map(({ piece }) => piece)];
  const padding = [`[PAD${tokens.length}]`, `[PAD${tokens.length + 1}]`];
  const scores = [0, 0, 0, 0, ...kept.map(({ id }) => model.scores[id]!), -10_000, -10_000];
  const types = [CONTROL, CONTROL, CONTROL, UNKNOWN, ...kept.map(() => NORMAL), UNUSED, UNUSED];
  const ids = { bos: 0, eos: 2, unknown: 3, seperator: 2, padding: 1, cls: 0 };
  return {
    ...normalizerMetadata(model),
    'tokenizer.ggml.tokens': ['strings', [...tokens, ...padding]],
    'tokenizer.ggml.scores': ['array', 'f32', scores],
    'tokenizer.ggml.token_type': ['array', 'i32', types],
    ...Object.fromEntries(
      Object.entries(ids).map(([name, id]) => [`tokenizer.ggml.${name}_token_id`, ['u32', id]]),
    ),
    'tokenizer.ggml.token_type_count': ['u32', 1],
    'tokenizer.ggml.add_bos_token': ['bool', true],
    'tokenizer.ggml.add_eos_token': ['bool', true],
  };
}

function normalizerMetadata(model: SentencePieceModel): Record<string, WrittenValue> {
  const { charsmap, addDummyPrefix, removeExtraSpaces } = model;
  return {
    'tokenizer.ggml.model': ['string', 't5'],
    'tokenizer.ggml.pre': ['string', 'default'],
    'tokenizer.ggml.add_space_prefix': ['bool', addDummyPrefix],
    'tokenizer.ggml.remove_extra_whitespaces': ['bool', removeExtraSpaces],
    ...(charsmap.length === 0
      ? {}
      : { 'tokenizer.ggml.precompiled_charsmap': ['array', 'u8', [...charsmap]] }),
  };
}
