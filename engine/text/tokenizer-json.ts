/**
 * Vocabularies of other formats as a Hugging Face tokenizer.json: GGUF metadata (byte-level BPE,
 * SentencePiece, WordPiece) and llama2.c pieces with scores. Does not encode anything; see tokenizer.ts.
 * Format: huggingface.co/docs/tokenizers; GGUF keys: ggml/docs/gguf.md.
 */
import type { GgufMetadata } from './gguf-metadata.ts';
import { readBytes, readFlag, readNumbers, readStrings, readTypes } from './gguf-metadata.ts';
import { findPreTokenizer, preTokenizerJson } from './pre-tokenizers.ts';
import { mergesFromScores, pairsAsStrings } from './piece-merges.ts';
import { sentencePieceJson } from './sentence-piece.ts';
import {
  addedTokens,
  checkTokens,
  failTokenizer,
  idsOfType,
  MAX_VOCAB,
  METASPACE,
  TOKEN_TYPE,
  vocabObject,
} from './vocabulary-json.ts';

export interface TokenizerFacts {
  readonly addBos: boolean;
  readonly bosId: number | null;
  /** Ids that end a generation (end of text, end of turn). */
  readonly eosIds: number[];
}

export interface BuiltTokenizer extends TokenizerFacts {
  /** The text of tokenizer.json. */
  readonly json: string;
}

/** Tokens that end a turn in some family of models, whatever the file's metadata says. */
export const END_OF_TURN_TOKENS: readonly string[] = [
  '<|endoftext|>',
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '<|end|>',
  '<|eot|>',
  '<|return|>',
  '<EOT>',
  '</s>',
];

/**
 * @throws {EngineError} E_TOKENIZER_INVALID when a key is missing, of a wrong type or unknown.
 */
export function tokenizerJsonFromGguf(metadata: GgufMetadata): BuiltTokenizer {
  const model = metadata.get('tokenizer.ggml.model');
  const builders: Record<string, (metadata: GgufMetadata) => BuiltTokenizer> = {
    gpt2: byteLevelFromGguf,
    llama: sentencePieceFromGguf,
    bert: wordPieceFromGguf,
    t5: unigramFromGguf,
  };
  const build =
    typeof model === 'string' && Object.hasOwn(builders, model) ? builders[model] : null;
  if (!build) {
    const got = model === undefined ? 'no such key' : JSON.stringify(model).slice(0, 80);
    failTokenizer(
      `tokenizer.ggml.model; expected one of ${Object.keys(builders).join(', ')}, got ${got}. ` +
        'Only byte-level BPE, SentencePiece BPE, WordPiece and unigram vocabularies are supported.',
      { known: Object.keys(builders) },
    );
  }
  return build(metadata);
}

/** llama2.c vocabularies: id 0 is unknown, 1 begins a text, 2 ends it; spaces are plain. */
export function tokenizerJsonFromPieces(input: {
  pieces: readonly string[];
  scores: readonly number[];
}): BuiltTokenizer {
  checkTokens(input.pieces);
  const pieces = input.pieces.map((piece) => piece.replaceAll(' ', METASPACE));
  const named = ['<unk>', '<s>', '</s>'];
  if (pieces.length < named.length)
    failTokenizer(`vocabulary; expected at least ${named.length} pieces, got ${pieces.length}.`);
  named.forEach((name, id) => (pieces[id] = name));
  return scoredBpe({
    pieces,
    scores: input.scores,
    unkId: 0,
    special: [0, 1, 2],
    userDefined: [],
    addSpacePrefix: true,
    facts: { addBos: true, bosId: 1, eosIds: [2] },
  });
}

function byteLevelFromGguf(metadata: GgufMetadata): BuiltTokenizer {
  const tokens = readTokens(metadata);
  const merges = readStrings(metadata, 'tokenizer.ggml.merges', MAX_VOCAB * 4);
  const preName = metadata.get('tokenizer.ggml.pre') ?? 'default';
  if (typeof preName !== 'string') failTokenizer('tokenizer.ggml.pre; expected a string.');
  const pre = findPreTokenizer(preName);
  for (const merge of merges)
    if (merge.indexOf(' ') < 1 || merge.endsWith(' '))
      failTokenizer(
        `tokenizer.ggml.merges; expected "left right", got ${JSON.stringify(merge.slice(0, 80))}.`,
      );
  const types = readTypes(metadata, tokens.length);
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(
      tokens,
      idsOfType(types, [TOKEN_TYPE.control]),
      idsOfType(types, [TOKEN_TYPE.userDefined]),
    ),
    normalizer: null,
    pre_tokenizer: preTokenizerJson(pre),
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges,
      vocab: vocabObject(tokens),
      merges,
    },
  };
  return { json: JSON.stringify(json), ...readFacts(metadata, tokens, types, pre.addBos) };
}

/**
 * GGUF marks the beginnings of words (U+2581) where WordPiece marks what continues them (##). Letters
 * lose their case and accents, as llama.cpp has it for all such files.
 */
function wordPieceFromGguf(metadata: GgufMetadata): BuiltTokenizer {
  const pieces = readTokens(metadata);
  const types = readTypes(metadata, pieces.length);
  const isControl = (piece: string, id: number) =>
    types === null ? /^\[[A-Z]+\]$/.test(piece) : types[id] === TOKEN_TYPE.control;
  const tokens = pieces.map((piece, id) => {
    if (piece.startsWith(METASPACE)) return piece.slice(1);
    return isControl(piece, id) || piece.startsWith('[unused') ? piece : `##${piece}`;
  });
  const special = tokens.flatMap((token, id) => (isControl(token, id) ? [id] : []));
  const idOf = (key: string, name: string): number => {
    const id = metadata.get(`tokenizer.ggml.${key}`);
    const found = typeof id === 'number' ? id : tokens.indexOf(name);
    if (!Number.isInteger(found) || found < 0 || found >= tokens.length)
      failTokenizer(`tokenizer.ggml.${key}; expected the id of ${name}.`, { key });
    return found;
  };
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, special, []),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: true,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: tokens[idOf('unknown_token_id', '[UNK]')],
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: vocabObject(tokens),
    },
  };
  const bosId = idOf(
    metadata.has('tokenizer.ggml.cls_token_id') ? 'cls_token_id' : 'bos_token_id',
    '[CLS]',
  );
  const endId = idOf(
    metadata.has('tokenizer.ggml.seperator_token_id') ? 'seperator_token_id' : 'eos_token_id',
    '[SEP]',
  );
  return { json: JSON.stringify(json), addBos: true, bosId, eosIds: [endId] };
}

function sentencePieceFromGguf(metadata: GgufMetadata): BuiltTokenizer {
  const pieces = readTokens(metadata);
  const scores = readNumbers(metadata, 'tokenizer.ggml.scores', pieces.length);
  const types = readTypes(metadata, pieces.length);
  return scoredBpe({
    pieces,
    scores,
    unkId: types?.indexOf(TOKEN_TYPE.unknown) ?? 0,
    special: idsOfType(types, [TOKEN_TYPE.control, TOKEN_TYPE.unknown]),
    userDefined: idsOfType(types, [TOKEN_TYPE.userDefined]),
    addSpacePrefix: readFlag(metadata, 'tokenizer.ggml.add_space_prefix', true),
    facts: readFacts(metadata, pieces, types, true),
  });
}

function unigramFromGguf(metadata: GgufMetadata): BuiltTokenizer {
  const pieces = readTokens(metadata);
  // Converters fill vocabularies up with unused tokens, which no text becomes, like those that control.
  const types = (readTypes(metadata, pieces.length) ?? pieces.map(() => TOKEN_TYPE.normal)).map(
    (type) => (type === TOKEN_TYPE.unused ? TOKEN_TYPE.control : type),
  );
  const facts = readFacts(metadata, pieces, types, false);
  const model = {
    algorithm: 'unigram',
    pieces,
    scores: readNumbers(metadata, 'tokenizer.ggml.scores', pieces.length),
    types,
    byteFallback: types.includes(TOKEN_TYPE.byte),
    charsmap: readBytes(metadata, 'tokenizer.ggml.precompiled_charsmap'),
    addDummyPrefix: readFlag(metadata, 'tokenizer.ggml.add_space_prefix', true),
    removeExtraSpaces: readFlag(metadata, 'tokenizer.ggml.remove_extra_whitespaces', true),
    bosId: facts.addBos ? facts.bosId : null,
  } as const;
  return { json: JSON.stringify(sentencePieceJson(model)), ...facts };
}

function scoredBpe(input: {
  pieces: readonly string[];
  scores: readonly number[];
  unkId: number;
  special: readonly number[];
  userDefined: readonly number[];
  addSpacePrefix: boolean;
  facts: TokenizerFacts;
}): BuiltTokenizer {
  const { pieces, scores } = input;
  if (scores.length !== pieces.length)
    failTokenizer(
      `scores; expected one for each of ${pieces.length} pieces, got ${scores.length}.`,
    );
  const skipped = new Set([...input.special, ...input.userDefined]);
  const toMetaspace = { type: 'Replace', pattern: { String: ' ' }, content: METASPACE };
  const prepend = { type: 'Prepend', prepend: METASPACE };
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  const decoders = [
    { type: 'Replace', pattern: { String: METASPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(pieces, input.special, input.userDefined),
    normalizer: input.addSpacePrefix
      ? { type: 'Sequence', normalizers: [prepend, toMetaspace] }
      : toMetaspace,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [...decoders, ...(input.addSpacePrefix ? [strip] : [])],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: pieces[input.unkId] ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocabObject(pieces),
      merges: pairsAsStrings(mergesFromScores(pieces, scores, skipped)),
    },
  };
  return { json: JSON.stringify(json), ...input.facts };
}

/** Ids that end a generation: those the file names and every known end-of-turn token it has. */
export function findEosIds(tokens: readonly string[], named: readonly number[]): number[] {
  const ids = new Set(named);
  const known = new Set(END_OF_TURN_TOKENS);
  tokens.forEach((token, id) => known.has(token) && ids.add(id));
  return [...ids].sort((a, b) => a - b);
}

function readFacts(
  metadata: GgufMetadata,
  tokens: readonly string[],
  types: readonly number[] | null,
  addBosDefault: boolean,
): TokenizerFacts {
  const readId = (key: string): number[] => {
    const id = metadata.get(key);
    return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < tokens.length
      ? [id]
      : [];
  };
  const named = ['eos', 'eot', 'eom'].flatMap((end) => readId(`tokenizer.ggml.${end}_token_id`));
  const bosId = readId('tokenizer.ggml.bos_token_id')[0] ?? null;
  // A plain word that happens to read like an end-of-turn token does not end a turn.
  const special = tokens.map((token, id) => (isSpecial(types, id) ? token : ''));
  return {
    addBos: bosId !== null && readFlag(metadata, 'tokenizer.ggml.add_bos_token', addBosDefault),
    bosId,
    eosIds: findEosIds(special, named).slice(0, 64),
  };
}

function isSpecial(types: readonly number[] | null, id: number): boolean {
  return types === null || types[id] === TOKEN_TYPE.control || types[id] === TOKEN_TYPE.userDefined;
}

function readTokens(metadata: GgufMetadata): readonly string[] {
  const tokens = readStrings(metadata, 'tokenizer.ggml.tokens', MAX_VOCAB);
  checkTokens(tokens);
  return tokens;
}
