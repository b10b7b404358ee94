/**
 * Every pre-tokenizer row, and SentencePiece, against llama.cpp: vocabularies of real models written
 * into small GGUF files that hold nothing else.
 * @module-tag slow
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import type { Llama } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { readGguf } from '../../engine/formats/gguf.ts';
import type { GgufMetadata } from '../../engine/formats/gguf.ts';
import { readLlama2cVocab } from '../../engine/formats/llama2c.ts';
import { PRE_TOKENIZER_ROWS } from '../../engine/text/pre-tokenizers.ts';
import type { SentencePieceModel } from '../../engine/text/sentence-piece.ts';
import { tokenizerJsonFromGguf } from '../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { TOKEN_TYPE } from '../../engine/text/vocabulary-json.ts';
import { openFileSource } from '../../scripts/lib/file-source.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import type { WrittenValue } from '../support/gguf-writer.ts';
import { smollm2Gguf, temporaryFolder } from '../support/models.ts';
import { tokenizerStrings } from '../support/tokenizer-strings.ts';
import {
  UNIGRAM_NAMES,
  UNIGRAM_TEXTS,
  unigramMetadata,
  unigramModel,
  xlmRobertaMetadata,
} from '../support/unigram-vocabulary.ts';

/** The long strings are the other file's matter. */
const strings = tokenizerStrings(400, 77).filter((text) => text.length < 2000);

/** What llama.cpp wants of any model, however little is in it. */
const SHAPE: Readonly<Record<string, WrittenValue>> = {
  'general.architecture': ['string', 'llama'],
  'llama.context_length': ['u32', 512],
  'llama.embedding_length': ['u32', 64],
  'llama.block_count': ['u32', 1],
  'llama.feed_forward_length': ['u32', 64],
  'llama.attention.head_count': ['u32', 1],
  'llama.attention.layer_norm_rms_epsilon': ['f32', 1e-5],
};

let llama: Llama;
let smollm2: GgufMetadata;

beforeAll(async () => {
  llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.disabled, build: 'never' });
  await using file = await openFileSource(smollm2Gguf());
  smollm2 = (await readGguf([file])).metadata;
});
afterAll(() => llama.dispose());

/** Strings whose ids differ between llama.cpp and the tokenizer made from the same GGUF file. */
async function differences(
  vocabulary: Readonly<Record<string, WrittenValue>>,
  texts: readonly string[] = strings,
): Promise<string[]> {
  await using folder = await temporaryFolder();
  const bytes = writeGguf({ metadata: { ...SHAPE, ...vocabulary }, tensors: [] });
  const modelPath = join(folder.path, 'vocabulary.gguf');
  await writeFile(modelPath, bytes);
  const { metadata } = await readGguf([memorySource('vocabulary.gguf', bytes)]);
  const built = tokenizerJsonFromGguf(metadata);
  const tokenizer = Tokenizer.parse(built.json, built);
  const reference = await llama.loadModel({ modelPath, vocabOnly: true });
  try {
    return texts
      .filter((text) => {
        const ids = tokenizer.encode(text, { special: false });
        return ids.join() !== reference.tokenize(text, false).join();
      })
      .map((text) => JSON.stringify(text.slice(0, 200)));
  } finally {
    await reference.dispose();
  }
}

/**
 * Where llama.cpp differs from SentencePiece itself, whose ids ours are (tests/text/sentence-piece.test.ts): U+2581 in a
 * text, a text of spaces that are kept, the space before and after a symbol that users defined.
 */
function isDisputed(text: string, { pieces, types, removeExtraSpaces }: SentencePieceModel) {
  if (text.includes('\u2581')) return true;
  if (!removeExtraSpaces && /^ +$/.test(text)) return true;
  return pieces.some((piece, id) => types[id] === TOKEN_TYPE.userDefined && text.includes(piece));
}

describe.each(UNIGRAM_NAMES)('%s', (name) => {
  const model = unigramModel(name);
  const texts = [...UNIGRAM_TEXTS, ...strings].filter((text) => !isDisputed(text, model));

  test.each([
    ['as T5 has it', unigramMetadata],
    ['as XLM-R has it', xlmRobertaMetadata],
  ])('%s', async (_, metadataOf) => {
    expect(texts.length).toBeGreaterThan(450);
    expect(await differences(metadataOf(model), texts)).toEqual([]);
  });
});

/** One name for each rule: several names may share one. */
const names = [...new Map([...PRE_TOKENIZER_ROWS].map(([name, row]) => [row, name])).values()];

test.each(names)('pre-tokenizer %s', async (pre) => {
  const strings = (key: string) => smollm2.get(key) as string[];
  const found = await differences({
    'tokenizer.ggml.model': ['string', 'gpt2'],
    'tokenizer.ggml.pre': ['string', pre],
    'tokenizer.ggml.tokens': ['strings', strings('tokenizer.ggml.tokens')],
    'tokenizer.ggml.token_type': [
      'array',
      'i32',
      smollm2.get('tokenizer.ggml.token_type') as number[],
    ],
    'tokenizer.ggml.merges': ['strings', strings('tokenizer.ggml.merges')],
    'tokenizer.ggml.bos_token_id': ['u32', 1],
    'tokenizer.ggml.eos_token_id': ['u32', 2],
    'tokenizer.ggml.add_bos_token': ['bool', false],
  });
  expect(found).toEqual([]);
});

test.each([true, false])('SentencePiece, space prefix %s', async (addSpacePrefix) => {
  const file = await readFile(join(repoRoot, 'assets/stories260k/tok512.bin'));
  const { pieces, scores } = await readLlama2cVocab(memorySource('tok512.bin', file), 512);
  const NORMAL = 1;
  const types = pieces.map((piece) => (/^<0x[0-9A-F]{2}>$/.test(piece) ? 6 : NORMAL));
  const named = ['<unk>', '<s>', '</s>'];
  const found = await differences({
    'tokenizer.ggml.model': ['string', 'llama'],
    'tokenizer.ggml.pre': ['string', 'default'],
    'tokenizer.ggml.tokens': [
      'strings',
      [...named, ...pieces.slice(3)].map((piece) => piece.replaceAll(' ', '\u2581')),
    ],
    'tokenizer.ggml.scores': ['array', 'f32', [...scores]],
    'tokenizer.ggml.token_type': ['array', 'i32', [2, 3, 3, ...types.slice(3)]],
    'tokenizer.ggml.bos_token_id': ['u32', 1],
    'tokenizer.ggml.eos_token_id': ['u32', 2],
    'tokenizer.ggml.unknown_token_id': ['u32', 0],
    'tokenizer.ggml.add_bos_token': ['bool', false],
    'tokenizer.ggml.add_space_prefix': ['bool', addSpacePrefix],
  });
  expect(found).toEqual([]);
});
