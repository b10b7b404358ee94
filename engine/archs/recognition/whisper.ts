/**
 * Whisper (arXiv 2212.04356): two convolutions, a bidirectional encoder with sinusoidal positions, and
 * a decoder that also attends to the encoder's output. LayerNorm before each half, GELU without a
 * gate, biases everywhere except for keys; the head is the token embedding.
 */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { AnyTensorSpec, FilePlace, RecognitionFamily, TensorRole } from '../types.ts';

type Spec = AnyTensorSpec<RecognitionConfig>;
type Place = FilePlace<RecognitionConfig>;
type Shape = Spec['shape'];
type Layers = (c: RecognitionConfig) => number;
/** A part of a stacked tensor: number `index` of `count`. */
type Part = readonly [index: number, count: number];

const width: Shape = (c) => [1, c.nEmbd];
const square: Shape = (c) => [c.nEmbd, c.nEmbd];
const wide: Shape = (c) => [c.nFf, c.nEmbd];
const narrow: Shape = (c) => [c.nEmbd, c.nFf];
const TAPS = 3;

/** A row holds three neighbouring frames, the features of each after those of the one before. */
function convolution(name: string, nIn: (c: RecognitionConfig) => number): Spec[] {
  const place = (kind: string): { ct2: Place; hf: Place } => ({
    ct2: { name: `encoder/${name}/${kind}` },
    hf: { name: `model.encoder.${name}.${kind}` },
  });
  const { ct2, hf } = place('weight');
  const taps = TAPS;
  return [
    {
      name,
      ct2: { ...ct2, taps },
      hf: { ...hf, taps },
      role: 'convolution',
      manyRows: true,
      perLayer: false,
      shape: (c) => [c.nEmbd, TAPS * nIn(c)],
      required: true,
    },
    whole(`${name}Bias`, place('bias'), 'bias', width),
  ];
}

function whole(
  name: string,
  places: { ct2: Place; hf: Place },
  role: TensorRole,
  shape: Shape,
): Spec {
  return { name, ...places, role, perLayer: false, shape, required: true };
}

/** LayerNorm of the whole model at the end of a stack. */
function lastNorm(stack: 'encoder' | 'decoder'): Spec[] {
  const place = (ct2: string, hf: string) => ({
    ct2: { name: `${stack}/layer_norm/${ct2}` },
    hf: { name: `model.${stack}.layer_norm.${hf}` },
  });
  return [
    whole(`${stack}.norm`, place('gamma', 'weight'), 'norm', width),
    whole(`${stack}.normBias`, place('beta', 'bias'), 'bias', width),
  ];
}

/** Rows of one stack of layers. */
class Stack {
  readonly #stack: 'encoder' | 'decoder';
  readonly #perLayer: Layers;

  constructor(stack: 'encoder' | 'decoder', perLayer: Layers) {
    this.#stack = stack;
    this.#perLayer = perLayer;
  }

  #tensor(name: string, ct2: Place, hf: string, role: TensorRole, shape: Shape): Spec {
    const stack = this.#stack;
    return {
      name: `${stack}.layers.{i}.${name}`,
      ct2: { ...ct2, name: `${stack}/layer_{i}/${ct2.name}` },
      hf: { name: `model.${stack}.layers.{i}.${hf}` },
      role,
      perLayer: this.#perLayer,
      shape,
      required: true,
    };
  }

  norm(name: string, ct2: string, hf: string): Spec[] {
    const at = (kind: string): Place => ({ name: `${ct2}/layer_norm/${kind}` });
    return [
      this.#tensor(name, at('gamma'), `${hf}.weight`, 'norm', width),
      this.#tensor(`${name}Bias`, at('beta'), `${hf}.bias`, 'bias', width),
    ];
  }

  /** A product with its bias; HF files lack the biases of keys, CTranslate2's hold zeros. */
  linear(
    name: string,
    ct2: string,
    hf: string,
    role: TensorRole,
    shape: Shape,
    [index, count]: Part = [0, 1],
  ): Spec[] {
    const place = (kind: string): Place => ({
      name: `${ct2}/${kind}`,
      part: (c) => ({ from: index * shape(c)[0], of: count * shape(c)[0] }),
    });
    const bias: Shape = (c) => [1, shape(c)[0]];
    const biasName = name.replace(/Proj$/, 'Bias');
    // All of the encoder's output passes through these rows at once.
    const manyRows = this.#stack === 'encoder' || /^cross[KV]/.test(name);
    return [
      { ...this.#tensor(name, place('weight'), `${hf}.weight`, role, shape), manyRows },
      {
        ...this.#tensor(biasName, place('bias'), `${hf}.bias`, 'bias', bias),
        required: !/k(Bias)$/i.test(biasName),
      },
    ];
  }

  feedForward(): Spec[] {
    return [
      ...this.norm('ffnNorm', 'ffn', 'final_layer_norm'),
      ...this.linear('upProj', 'ffn/linear_0', 'fc1', 'ffn', wide),
      ...this.linear('downProj', 'ffn/linear_1', 'fc2', 'ffn', narrow),
    ];
  }

  selfAttention(): Spec[] {
    const ct2 = 'self_attention/linear_0';
    return [
      ...this.norm('attnNorm', 'self_attention', 'self_attn_layer_norm'),
      ...this.linear('qProj', ct2, 'self_attn.q_proj', 'attention', square, [0, 3]),
      ...this.linear('kProj', ct2, 'self_attn.k_proj', 'attention', square, [1, 3]),
      ...this.linear('vProj', ct2, 'self_attn.v_proj', 'attention', square, [2, 3]),
      ...this.linear('oProj', 'self_attention/linear_1', 'self_attn.out_proj', 'attention', square),
    ];
  }

  crossAttention(): Spec[] {
    const keysAndValues = 'attention/linear_1';
    return [
      ...this.norm('crossNorm', 'attention', 'encoder_attn_layer_norm'),
      ...this.linear(
        'crossQProj',
        'attention/linear_0',
        'encoder_attn.q_proj',
        'attention',
        square,
      ),
      ...this.linear(
        'crossKProj',
        keysAndValues,
        'encoder_attn.k_proj',
        'attention',
        square,
        [0, 2],
      ),
      ...this.linear(
        'crossVProj',
        keysAndValues,
        'encoder_attn.v_proj',
        'attention',
        square,
        [1, 2],
      ),
      ...this.linear(
        'crossOProj',
        'attention/linear_2',
        'encoder_attn.out_proj',
        'attention',
        square,
      ),
    ];
  }
}

/** Names of Hugging Face files by those that OpenAI gave, which ggml's files keep. */
const OPENAI_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\./, ''],
  [/embed_positions\.weight$/, 'positional_embedding'],
  [/embed_tokens/, 'token_embedding'],
  [/\.layers\./, '.blocks.'],
  [/self_attn_layer_norm/, 'attn_ln'],
  [/encoder_attn_layer_norm/, 'cross_attn_ln'],
  [/final_layer_norm/, 'mlp_ln'],
  [/^encoder\.layer_norm/, 'encoder.ln_post'],
  [/^decoder\.layer_norm/, 'decoder.ln'],
  [/self_attn\./, 'attn.'],
  [/encoder_attn\./, 'cross_attn.'],
  [/\.q_proj/, '.query'],
  [/\.k_proj/, '.key'],
  [/\.v_proj/, '.value'],
  [/\.out_proj/, '.out'],
  [/\.fc1\./, '.mlp.0.'],
  [/\.fc2\./, '.mlp.2.'],
];

function withGgml(spec: Spec): Spec {
  const { hf } = spec;
  if (hf === undefined) return spec;
  const name = OPENAI_NAMES.reduce((text, [from, to]) => text.replace(from, to), hf.name);
  return { ...spec, ggml: { ...hf, name } };
}

const audio = new Stack('encoder', (c) => c.nAudioLayer);
const text = new Stack('decoder', (c) => c.nTextLayer);

export const WHISPER: RecognitionFamily = {
  name: 'whisper',
  hfModelTypes: ['whisper'],
  ct2Specs: ['WhisperSpec'],
  ggmlNames: ['whisper'],
  tensors: [
    ...convolution('conv1', (c) => c.nMels),
    ...convolution('conv2', (c) => c.nEmbd),
    whole(
      'audioPositions',
      {
        ct2: { name: 'encoder/position_encodings/encodings' },
        hf: { name: 'model.encoder.embed_positions.weight' },
      },
      'positions',
      (c) => [c.nAudioCtx, c.nEmbd],
    ),
    whole(
      'tokEmbd',
      {
        ct2: { name: 'decoder/embeddings/weight' },
        hf: { name: 'model.decoder.embed_tokens.weight' },
      },
      'embedding',
      (c) => [c.nVocab, c.nEmbd],
    ),
    whole(
      'textPositions',
      {
        ct2: { name: 'decoder/position_encodings/encodings' },
        hf: { name: 'model.decoder.embed_positions.weight' },
      },
      'positions',
      (c) => [c.nTextCtx, c.nEmbd],
    ),
    ...lastNorm('encoder'),
    ...lastNorm('decoder'),
    ...audio.selfAttention(),
    ...audio.feedForward(),
    ...text.selfAttention(),
    ...text.crossAttention(),
    ...text.feedForward(),
  ].map(withGgml),
};
