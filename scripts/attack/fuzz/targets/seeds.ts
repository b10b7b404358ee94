/** Small valid files to begin from, written by hand so that every part of a format is in one. */
import type { OnnxModel } from '../../../../engine/onnx/types.ts';

const encoder = new TextEncoder();

/** Little-endian bytes, one field after the other. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  u8(...values: readonly number[]): this {
    for (const value of values) this.#bytes.push(value & 0xff);
    return this;
  }

  u16(...values: readonly number[]): this {
    for (const value of values) this.u8(value, value >> 8);
    return this;
  }

  u32(...values: readonly number[]): this {
    for (const value of values) this.u16(value & 0xffff, value >>> 16);
    return this;
  }

  u64(...values: readonly number[]): this {
    for (const value of values) this.u32(value, Math.floor(value / 2 ** 32));
    return this;
  }

  text(text: string): this {
    return this.u8(...encoder.encode(text));
  }

  /** A length of 64 bits, then the text, as in GGUF. */
  longText(text: string): this {
    return this.u64(encoder.encode(text).length).text(text);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  gguf(): Uint8Array {
    const list = (name: string, type: number, n: number) =>
      this.longText(name).u32(9).u32(type).u64(n);
    this.text('GGUF').u32(3).u64(1).u64(6);
    this.longText('general.architecture').u32(8).longText('llama');
    this.longText('tokenizer.ggml.model').u32(8).longText('llama');
    list('tokenizer.ggml.tokens', 8, 4);
    for (const token of ['<unk>', '<s>', '</s>', 'a']) this.longText(token);
    list('tokenizer.ggml.scores', 6, 4).u32(0, 0, 0, 0);
    list('tokenizer.ggml.token_type', 5, 4).u32(2, 3, 3, 1);
    this.longText('tokenizer.ggml.bos_token_id').u32(4).u32(1);
    this.longText('w').u32(2).u64(4, 2).u32(0).u64(0);
    while (this.#bytes.length % 32 !== 0) this.u8(0);
    return this.u32(...new Array<number>(8).fill(0)).bytes();
  }

  safetensors(): Uint8Array {
    const header = JSON.stringify({
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
      b: { dtype: 'F16', shape: [4], data_offsets: [16, 24] },
    });
    return this.longText(header).u64(0, 0, 0).bytes();
  }

  ctranslate2(): Uint8Array {
    const name = (text: string) =>
      this.u16(text.length + 1)
        .text(text)
        .u8(0);
    this.u32(6);
    name('WhisperSpec').u32(3).u32(2);
    name('encoder/weight').u8(2).u32(2, 2).u8(0).u32(16).u32(0, 0, 0, 0);
    name('num_heads').u8(0).u8(2).u32(2).u16(4);
    this.u32(1);
    return name('decoder/weight').u16(15).text('encoder/weight').u8(0).bytes();
  }
}

/** A field of a protocol buffer whose value is bytes. */
function field(number: number, bytes: Uint8Array | readonly number[]): number[] {
  return [(number << 3) | 2, bytes.length, ...bytes];
}

export function sentencePieceSeed(): Uint8Array {
  const piece = (text: string, type: number) =>
    field(1, [...field(1, encoder.encode(text)), 0x15, 0, 0, 0x80, 0xbf, 0x18, type]);
  const pieces = [piece('<unk>', 2), piece('<s>', 3), piece('</s>', 3), piece('\u2581a', 1)];
  const trainer = field(2, [0x18, 2, 0xc0, 0x02, 41]);
  const normalizer = field(3, [...field(2, []), 0x18, 1, 0x20, 1, 0x28, 1]);
  return Uint8Array.from([...pieces.flat(), ...trainer, ...normalizer]);
}

export function onnxSeed(): OnnxModel {
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  return {
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    graph: {
      name: 'g',
      nodes: [
        {
          name: 'n',
          opType: 'MatMul',
          domain: '',
          inputs: ['x', 'w'],
          outputs: ['y'],
          attributes: [],
        },
      ],
      initializers: [
        { name: 'w', dtype: 'float32', dims: [2, 2], place: { kind: 'inline', bytes } },
      ],
      inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', dims: ['batch', 2] }],
      values: [],
    },
  };
}

const ADDED = [
  { id: 0, content: '<unk>', special: true },
  { id: 1, content: '<s>', special: true },
  { id: 2, content: '</s>', special: true, lstrip: true },
  { id: 9, content: 'ab', special: false, normalized: true },
];
const VOCABULARY = {
  '<unk>': 0,
  '<s>': 1,
  '</s>': 2,
  a: 3,
  b: 4,
  x: 5,
  xx: 6,
  '\u0120': 7,
  '1': 8,
  ab: 9,
};

/** One of each model and of the usual pre-tokenizers and normalizers. */
export function tokenizerSeeds(): readonly unknown[] {
  const split = (Regex: string) => ({
    type: 'Split',
    pattern: { Regex },
    behavior: 'Isolated',
    invert: false,
  });
  return [
    {
      added_tokens: ADDED,
      normalizer: { type: 'NFC' },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          split("'s| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: VOCABULARY, merges: ['x x', 'a b'], unk_token: '<unk>' },
    },
    {
      added_tokens: ADDED,
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '\u2581' },
          { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ],
      },
      pre_tokenizer: null,
      decoder: null,
      model: {
        type: 'BPE',
        vocab: VOCABULARY,
        merges: [['x', 'x']],
        byte_fallback: true,
        fuse_unk: true,
        unk_token: '<unk>',
      },
    },
    {
      added_tokens: ADDED,
      normalizer: { type: 'Precompiled', precompiled_charsmap: '' },
      pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' },
      decoder: null,
      model: {
        type: 'Unigram',
        unk_id: 0,
        vocab: Object.keys(VOCABULARY).map((piece) => [piece, -1]),
      },
    },
    {
      added_tokens: ADDED,
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        lowercase: true,
        strip_accents: null,
        handle_chinese_chars: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      decoder: { type: 'WordPiece', prefix: '##' },
      model: {
        type: 'WordPiece',
        vocab: VOCABULARY,
        unk_token: '<unk>',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
      },
    },
  ];
}
