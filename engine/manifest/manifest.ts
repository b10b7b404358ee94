/**
 * `manifest.json`: everything about an imported model but its weights' bytes. One schema for who
 * writes it (scripts/import) and who reads it (worker, CLI). Hostile until parsed: every length,
 * offset and name is checked here, before anything is allocated.
 */
import { z } from 'zod';
import { EngineError } from '../base/errors.ts';
import { matrixBytes, PANEL_ROWS, WEIGHT_DTYPE_NAMES } from '../base/dtypes.ts';
import { recognitionConfigSchema, recognitionContradiction } from './recognition-config.ts';
import { about, fileName, sha256 } from './about.ts';
import { modalitiesSchema } from './modalities.ts';
import { sightContradiction, sightSchema } from './sight.ts';
import { towerConfigSchema, towerContradiction } from './tower-config.ts';
import { onnxContradiction, onnxManifestSchema } from './onnx.ts';
import { visionConfigSchema, visionContradiction } from './vision-config.ts';
import { voiceContradiction, voiceManifestSchema } from './voice.ts';

export { MANIFEST_VERSION, MODEL_ID_PATTERN } from './about.ts';

const MAX_DIM = 1 << 24;
/** Experts of all layers together: each has tensors of its own, listed before they are looked for. */
const MAX_EXPERTS = 32_768;
/** A shard is one object that is read in one go. */
export const SHARD_MAX_BYTES = 64 * 1024 * 1024;

const dim = z.number().int().positive().max(MAX_DIM);

const ropeFactors = z.array(z.number().positive()).max(1024);
const ropeScaling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  /** Positions divided by `factor`. */
  z.object({ kind: z.literal('linear'), factor: z.number().positive() }),
  /** Llama 3's frequency-dependent scaling. */
  z.object({
    kind: z.literal('llama3'),
    factor: z.number().positive(),
    lowFreqFactor: z.number().positive(),
    highFreqFactor: z.number().positive(),
    originalCtx: dim,
  }),
  /** YaRN (arXiv 2309.00071); attnFactor multiplies cosines and sines as it stands. */
  z.object({
    kind: z.literal('yarn'),
    factor: z.number().positive(),
    originalCtx: dim,
    betaFast: z.number().positive(),
    betaSlow: z.number().positive(),
    attnFactor: z.number().positive(),
  }),
  /** Per-frequency divisors, as GGUF's rope_freqs tensor gives them ([headDim / 2]). */
  z.object({ kind: z.literal('factors'), factors: ropeFactors }),
  /** Per-frequency divisors for contexts up to `originalCtx` and beyond (arXiv 2402.13753). */
  z.object({
    kind: z.literal('longrope'),
    short: ropeFactors,
    long: ropeFactors,
    originalCtx: dim,
    attnFactor: z.number().positive(),
  }),
]);

/** Shape and numbers of a decoder; names as in ARCHITECTURE.md's glossary. */
export const modelConfigSchema = z.object({
  nLayer: dim.max(1024),
  nEmbd: dim,
  nHead: dim.max(4096),
  nKvHead: dim.max(4096),
  headDim: dim.max(1024),
  nFf: dim,
  nVocab: dim,
  /** Positions the model was trained for. */
  nCtx: dim,
  normEps: z.number().nonnegative(),
  ropeTheta: z.number().positive(),
  /** Which two values rotate together: (2i, 2i+1) or (i, i + ropeDim/2). */
  ropePairing: z.enum(['adjacent', 'half']),
  /** Leading values of a head that rotate; the rest pass. 0 when positions are learned. */
  ropeDim: z.number().int().nonnegative().max(1024),
  ropeScaling,
  tiedHead: z.boolean(),
  /** RoPE base of layers with a window, which ignore ropeTheta and ropeScaling. */
  localRopeTheta: z.number().positive().optional(),
  /** Positions each layer attends to, 0 for all; without the list all layers attend to all. */
  windows: z.array(z.number().int().nonnegative().max(MAX_DIM)).max(1024).optional(),
  /** Layers whose queries and keys do not rotate; without the list all do. */
  unrotated: z.array(z.boolean()).max(1024).optional(),
  /** Factor of attention scores before their softmax; 1 / sqrt(headDim) by default. */
  attentionScale: z.number().positive().optional(),
  /** Scores become cap tanh(score / cap). */
  attentionSoftcap: z.number().positive().optional(),
  /** The same for logits. */
  logitSoftcap: z.number().positive().optional(),
  /** Logits are divided by this. */
  logitDivisor: z.number().positive().optional(),
  /** Factor of embeddings. */
  embeddingScale: z.number().positive().optional(),
  /** Factor of what each half of a layer adds. */
  residualScale: z.number().positive().optional(),
  nExpert: dim.max(1024).optional(),
  /** Experts that evaluate each token. */
  nExpertUsed: dim.max(1024).optional(),
  /** Whether the weights of a token's experts are made to sum to one. */
  normalizeExperts: z.boolean().optional(),
  /** What it reads beside text, through projectors of its own. */
  modalities: modalitiesSchema.optional(),
});

const tokenizer = z.object({
  file: fileName,
  bytes: z.number().int().positive().max(SHARD_MAX_BYTES),
  sha256,
  addBos: z.boolean(),
  bosId: z.number().int().nonnegative().nullable(),
  /** Ids that end a generation (end of text, end of turn). */
  eosIds: z.array(z.number().int().nonnegative()).max(64),
});

const tensor = z.object({
  name: z.string().min(1).max(120),
  dtype: z.enum(WEIGHT_DTYPE_NAMES),
  /** [nRow, nCol] as stored here; a vector is [1, n]. */
  shape: z.tuple([dim, dim]),
  /**
   * Set where the matrix is stored in slices, each listed under the same name: the matrix's row that is
   * row 0 of this one. Slices follow each other in order and without holes.
   */
  firstRow: z.number().int().nonnegative().max(MAX_DIM).optional(),
  shard: z.number().int().nonnegative(),
  offset: z.number().int().nonnegative().multipleOf(16),
  bytes: z.number().int().positive(),
  sourceDtype: z.string().max(16),
  /** True when every value equals the source file's to the last bit. */
  exact: z.boolean(),
});

const shard = z.object({
  file: fileName,
  bytes: z.number().int().positive().max(SHARD_MAX_BYTES),
  sha256,
  /** Half-open range of layers whose tensors this shard holds; null for embedding and head. */
  layers: z.tuple([z.number().int().nonnegative(), z.number().int().positive()]).nullable(),
});

/** Fields of models whose weights our own kernels read. */
const weighted = {
  ...about,
  architecture: z.string().max(40),
  preset: z.string().max(40),
  tensors: z.array(tensor).min(1).max(100_000),
  shards: z.array(shard).min(1).max(4096),
};

/** Fields of those that read or write text. */
const texted = { ...weighted, tokenizer };

/** How whoever made a model recommends to sample from it; what is absent is as in SamplingParams. */
export const recommendedSamplingSchema = z
  .strictObject({
    temperature: z.number().min(0).max(2),
    topK: z.number().int().min(0).max(1_000_000),
    topP: z.number().gt(0).max(1),
    minP: z.number().min(0).max(1),
    repetitionPenalty: z.number().gt(0).max(10),
  })
  .partial();
export type RecommendedSampling = z.output<typeof recommendedSamplingSchema>;

/** A decoder: continues token ids. */
export const decoderManifestSchema = z.object({
  kind: z.literal('decoder'),
  ...texted,
  config: modelConfigSchema,
  chatTemplate: z.string().max(200_000).nullable(),
  /** For requests that say nothing else. */
  sampling: recommendedSamplingSchema.optional(),
  /** How it reads pictures, through a tower that is a model of its own. */
  sight: sightSchema.optional(),
});

/** Of rerankers and classifiers. */
export const MAX_CLASSES = 64;

/** Shape and numbers of a bidirectional encoder of text (BERT, arXiv 1810.04805). */
export const encoderConfigSchema = z.object({
  nLayer: dim.max(1024),
  nEmbd: dim,
  nHead: dim.max(4096),
  nFf: dim,
  nVocab: dim,
  /** Positions the model has rows for. */
  nCtx: dim.max(32_768),
  /** The longest text it was made for, special tokens included. */
  maxTokens: dim.max(32_768),
  /** Rows of the table of token types, of which the first is used; 0 without a table. */
  nTokenType: z.number().int().nonnegative().max(64),
  normEps: z.number().nonnegative(),
  /** Heads of keys and values; nHead by default. */
  nKvHead: dim.max(4096).optional(),
  /** Values of a head; nEmbd / nHead by default. */
  headDim: dim.max(1024).optional(),
  /** Base of rotary positions (halves of a head rotate together); learned positions without it. */
  ropeTheta: z.number().positive().optional(),
  /** The base of layers with a window. */
  localRopeTheta: z.number().positive().optional(),
  /** Positions to each side that a layer sees, 0 for all. */
  windows: z.array(z.number().int().nonnegative().max(MAX_DIM)).max(1024).optional(),
  /** Factor of embeddings. */
  embeddingScale: z.number().positive().optional(),
  /** Width between two products that a text's vector goes through. */
  nDense: dim.max(65_536).optional(),
  /** How a text's vector is made of those of its tokens; 'rank': a score is made of one of them (rerankers). */
  pooling: z.enum(['mean', 'cls', 'last', 'rank']),
  /** Scores that a reranker gives a query and a passage; the first is the relevance. */
  nClass: dim.max(MAX_CLASSES).optional(),
  /** Names of the classes, in the order of their scores, where the model's file states them. */
  labels: z.array(z.string().min(1).max(200)).max(MAX_CLASSES).optional(),
  /** Rows after the first token of this id have the second token type: the passage of a pair. */
  secondTypeAfterId: z.number().int().nonnegative().optional(),
  /** What a reranker reads, with {query} and {document}, as its file states it. */
  rerankTemplate: z.string().max(20_000).optional(),
  /** Ids between query and passage where a reranker has no template; by default the one that ends a text. */
  pairSeparatorIds: z.array(z.number().int().nonnegative()).max(4).optional(),
  /** Of models that rank by late interaction, too: a vector for each token (ColBERT, arXiv 2004.12832). */
  late: z
    .strictObject({
      /** Values of a token's vector. */
      width: dim.max(1024).multipleOf(8),
      /** Added to what a token's weight is made of. */
      importanceOffset: z.number(),
      /** How much the cosine of the texts' own vectors counts beside that of their tokens. */
      textShare: z.number().nonnegative(),
      /** A score of 0 to 1 is the sigmoid of scale * both + offset. */
      scale: z.number().positive(),
      offset: z.number(),
    })
    .optional(),
  /** Whether vectors are made to have length one. */
  normalize: z.boolean(),
  /** What the model was trained to see before a question and before a passage. */
  queryPrefix: z.string().max(500),
  documentPrefix: z.string().max(500),
});

/** An encoder: turns a text into a vector. */
export const encoderManifestSchema = z.object({
  kind: z.literal('encoder'),
  ...texted,
  config: encoderConfigSchema,
});

/** A recognition model: writes down what is said. */
export const recognitionManifestSchema = z.object({
  kind: z.literal('recognition'),
  ...texted,
  config: recognitionConfigSchema,
});

/** An image encoder: turns a picture into a map of features, and tells its class. */
export const visionManifestSchema = z.object({
  kind: z.literal('vision'),
  ...weighted,
  config: visionConfigSchema,
});

/** A vision tower: turns a picture into rows that one text model reads in place of tokens. */
export const towerManifestSchema = z.object({
  kind: z.literal('tower'),
  ...weighted,
  config: towerConfigSchema,
});

/** Present names of kinds by their former ones, which stored manifests still have. */
const FORMER_KINDS: Readonly<Record<string, string>> = {
  // Speech is heard and spoken: a recognition model listens, a voice speaks.
  speech: 'recognition',
};

function withPresentKind(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('kind' in json)) return json;
  const { kind } = json;
  const isFormer = typeof kind === 'string' && Object.hasOwn(FORMER_KINDS, kind);
  return isFormer ? { ...json, kind: FORMER_KINDS[kind] } : json;
}

/** One row for each kind: what a model is for decides which engine runs it. */
export const manifestSchema = z.preprocess(
  withPresentKind,
  z.discriminatedUnion('kind', [
    decoderManifestSchema,
    encoderManifestSchema,
    recognitionManifestSchema,
    visionManifestSchema,
    towerManifestSchema,
    onnxManifestSchema,
    voiceManifestSchema,
  ]),
);

export type ModelConfig = z.output<typeof modelConfigSchema>;
export type RopeScaling = ModelConfig['ropeScaling'];
export type Manifest = z.output<typeof manifestSchema>;
export type ModelKind = Manifest['kind'];
export type ManifestOf<K extends ModelKind> = Extract<Manifest, { readonly kind: K }>;
export type DecoderManifest = ManifestOf<'decoder'>;
export type EncoderManifest = ManifestOf<'encoder'>;
export type RecognitionManifest = ManifestOf<'recognition'>;
export type VisionManifest = ManifestOf<'vision'>;
export type TowerManifest = ManifestOf<'tower'>;
export type OnnxManifest = ManifestOf<'onnx'>;
export type VoiceManifest = ManifestOf<'voice'>;
export type EncoderConfig = EncoderManifest['config'];
/** The manifest of a model whose weights our own kernels read. */
export type WeightedManifest = Extract<Manifest, { readonly shards: readonly unknown[] }>;
export type TensorRow = z.output<typeof tensor>;
export type ShardRow = z.output<typeof shard>;
type OwnFields<M> = M extends WeightedManifest ? Omit<M, keyof typeof texted> : never;
/** The manifest of a model that reads or writes text. */
export type TextedManifest = Extract<WeightedManifest, { readonly tokenizer: unknown }>;
/** Fields that models of only one kind have. */
export type KindFields = OwnFields<WeightedManifest>;
/** A file of a model, beside its manifest. */
export type ModelFile = Pick<ShardRow, 'file' | 'bytes' | 'sha256'>;

interface KindFacts<K extends ModelKind> {
  /** Name of such a model in messages. */
  readonly title: string;
  /** What is wrong between fields that are each valid alone, or null. */
  readonly contradiction: (manifest: ManifestOf<K>) => string | null;
}

/** Names and checks of each kind. */
const KINDS: { readonly [K in ModelKind]: KindFacts<K> } = {
  decoder: {
    title: 'a text model',
    contradiction: ({ config, sight }) =>
      configContradiction(config) ?? sightContradiction(sight, config),
  },
  encoder: {
    title: 'an embedding model',
    contradiction: (manifest) => encoderContradiction(manifest.config),
  },
  recognition: {
    title: 'a speech model',
    contradiction: (manifest) => recognitionContradiction(manifest.config),
  },
  vision: {
    title: 'an image encoder',
    contradiction: (manifest) => visionContradiction(manifest.config),
  },
  tower: {
    title: 'a vision tower',
    contradiction: (manifest) => towerContradiction(manifest.config),
  },
  onnx: { title: 'an ONNX model', contradiction: onnxContradiction },
  voice: { title: 'a small voice', contradiction: voiceContradiction },
};

/** Name of a model of this kind, for messages. */
export function kindTitle(kind: ModelKind): string {
  return KINDS[kind].title;
}

/** Every file of a model but its manifest. */
export function modelFiles(manifest: Manifest): ModelFile[] {
  return filesOf(manifest).map(({ file, bytes, sha256 }) => ({
    file,
    bytes,
    sha256,
  }));
}

function filesOf(manifest: Manifest): readonly ModelFile[] {
  if ('files' in manifest) return manifest.files;
  return 'tokenizer' in manifest ? [...manifest.shards, manifest.tokenizer] : manifest.shards;
}

/** @throws {EngineError} E_MODEL_KIND when the model is of another kind. */
export function requireKind<K extends ModelKind>(manifest: Manifest, kind: K): ManifestOf<K> {
  const { title } = KINDS[manifest.kind];
  if (manifest.kind === kind) return manifest as ManifestOf<K>;
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${manifest.id} is ${title}; expected ${KINDS[kind].title}. ` +
      'GET /v1/models lists the models and their kinds.',
    { param: 'model', details: { model: manifest.id, kind: manifest.kind, expected: kind } },
  );
}

/**
 * Checks a parsed manifest.json as hostile input.
 * @throws {EngineError} E_MANIFEST_INVALID naming the field; E_TENSOR_SHAPE for sizes that disagree.
 */
export function parseManifest(json: unknown): Manifest {
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    throw new EngineError(
      'E_MANIFEST_INVALID',
      `manifest.json: ${field}: ${issue?.message ?? 'invalid'}. Import the model again with this version of thimble.`,
      { details: { field } },
    );
  }
  const wrong = contradictionOf(parsed.data);
  if (wrong !== null)
    throw new EngineError(
      'E_MANIFEST_INVALID',
      `manifest.json: config: ${wrong}. Import the model again with this version of thimble.`,
      { details: { field: 'config' } },
    );
  if ('tensors' in parsed.data) checkTensorTable(parsed.data);
  return parsed.data;
}

/** How numbers of a config contradict each other, or null: kernels rely on these relations. */
export function configContradiction(c: ModelConfig): string | null {
  if (c.nHead % c.nKvHead !== 0)
    return `nHead ${c.nHead} is not a multiple of nKvHead ${c.nKvHead}`;
  if (c.ropeDim % 2 !== 0 || c.ropeDim > c.headDim)
    return `ropeDim ${c.ropeDim} does not fit headDim ${c.headDim}`;
  const wrongFactors = ropeFactorLists(c.ropeScaling).find(
    ({ length }) => length * 2 !== c.ropeDim,
  );
  if (wrongFactors !== undefined)
    return `${wrongFactors.length} rope factors for ropeDim ${c.ropeDim}`;
  if (c.windows !== undefined && c.windows.length !== c.nLayer)
    return `${c.windows.length} windows for ${c.nLayer} layers`;
  if (c.unrotated !== undefined && c.unrotated.length !== c.nLayer)
    return `${c.unrotated.length} values of unrotated for ${c.nLayer} layers`;
  const { image, audio } = c.modalities ?? {};
  const marker = [image, audio]
    .flatMap((one) => (one === undefined ? [] : [one.beginId, one.endId]))
    .find((id) => id >= c.nVocab);
  if (marker !== undefined) return `marker ${marker} of ${c.nVocab} tokens`;
  const [used, of] = [c.nExpertUsed ?? 0, c.nExpert ?? 0];
  if (of * c.nLayer > MAX_EXPERTS)
    return `${of} experts in ${c.nLayer} layers, more than ${MAX_EXPERTS}`;
  return used > of || (of > 0 && used === 0) ? `nExpertUsed ${used} of ${of} experts` : null;
}

/** How numbers of an encoder's config contradict each other, or null. */
export function encoderContradiction(c: EncoderConfig): string | null {
  const { nHead, nKvHead = nHead, headDim = c.nEmbd / nHead } = c;
  if (c.headDim === undefined && c.nEmbd % (4 * nHead) !== 0)
    return `nEmbd ${c.nEmbd} is not a multiple of four times nHead ${nHead}`;
  if (headDim % 4 !== 0) return `headDim ${headDim} is not a multiple of four`;
  if (nHead % nKvHead !== 0) return `nHead ${nHead} is not a multiple of nKvHead ${nKvHead}`;
  if (c.windows !== undefined && c.windows.length !== c.nLayer)
    return `${c.windows.length} windows for ${c.nLayer} layers`;
  if ((c.pooling === 'rank') !== (c.nClass !== undefined))
    return `pooling ${c.pooling} with ${c.nClass ?? 'no'} classes`;
  if (c.pooling === 'rank' && c.late !== undefined) return 'pooling rank with late interaction';
  if (c.labels !== undefined && c.labels.length !== c.nClass)
    return `${c.labels.length} labels for ${c.nClass ?? 'no'} classes`;
  if (c.secondTypeAfterId !== undefined && c.nTokenType < 2)
    return `secondTypeAfterId with ${c.nTokenType} token types`;
  const unknown = c.pairSeparatorIds?.find((id) => id >= c.nVocab);
  if (unknown !== undefined) return `pairSeparatorIds ${unknown} of ${c.nVocab} tokens`;
  return c.maxTokens > c.nCtx ? `maxTokens ${c.maxTokens} is more than nCtx ${c.nCtx}` : null;
}

function ropeFactorLists(scaling: RopeScaling): readonly (readonly number[])[] {
  if (scaling.kind === 'factors') return [scaling.factors];
  return scaling.kind === 'longrope' ? [scaling.short, scaling.long] : [];
}

function contradictionOf<K extends ModelKind>(manifest: ManifestOf<K>): string | null {
  const facts: KindFacts<K> = KINDS[manifest.kind];
  return facts.contradiction(manifest);
}

function checkTensorTable(manifest: WeightedManifest): void {
  const ends = new Map<string, TensorRow>();
  for (const row of manifest.tensors) {
    const { name, dtype, shape, shard, offset, bytes } = row;
    const fail = (what: string) => {
      throw new EngineError(
        'E_TENSOR_SHAPE',
        `manifest.json: tensor ${name}: ${what}. Import the model again.`,
        {
          details: { name, dtype, shape, shard, offset, bytes },
        },
      );
    };
    const wrong = sliceContradiction(ends.get(name), row);
    if (wrong !== null) fail(wrong);
    ends.set(name, row);
    const want = matrixBytes(dtype, shape[0], shape[1]);
    if (want !== bytes)
      fail(`expected ${want} bytes for ${dtype} [${shape.join(', ')}], got ${bytes}`);
    const shardRow = manifest.shards[shard];
    if (shardRow === undefined) fail(`names shard ${shard} of ${manifest.shards.length}`);
    else if (offset + bytes > shardRow.bytes)
      fail(`ends at byte ${offset + bytes} of a shard of ${shardRow.bytes}`);
  }
}

/** Why `row` cannot follow `before`, the slice of the same name before it, if there is one; or null. */
function sliceContradiction(before: TensorRow | undefined, row: TensorRow): string | null {
  const { firstRow } = row;
  if (before === undefined)
    return firstRow === undefined || firstRow === 0
      ? null
      : `begins at row ${firstRow}; expected 0`;
  if (before.firstRow === undefined || firstRow === undefined) return 'is listed twice';
  const next = before.firstRow + before.shape[0];
  if (firstRow !== next) return `has a slice from row ${firstRow}; expected ${next}`;
  if (before.shape[0] % PANEL_ROWS !== 0)
    return `has a slice of ${before.shape[0]} rows; expected a multiple of ${PANEL_ROWS}`;
  return before.dtype === row.dtype && before.shape[1] === row.shape[1]
    ? null
    : 'has slices of different types or widths';
}
