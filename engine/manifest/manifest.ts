/**
 * `manifest.json`: everything about an imported model but its weights' bytes. One schema for who
 * writes it (scripts/import) and who reads it (worker, CLI). Hostile until parsed: every length,
 * offset and name is checked here, before anything is allocated.
 */
import { z } from 'zod';
import { EngineError } from '../base/errors.ts';
import { matrixBytes, PANEL_ROWS, WEIGHT_DTYPE_NAMES } from '../base/dtypes.ts';
import { recognitionConfigSchema, recognitionContradiction } from './recognition-config.ts';
import { about, dim, fileName, MAX_DIM, sha256 } from './about.ts';
import { configContradiction, modelConfigSchema } from './decoder-config.ts';
import { encoderConfigSchema, encoderContradiction } from './encoder-config.ts';
import { sightContradiction, sightSchema } from './sight.ts';
import { towerConfigSchema, towerContradiction } from './tower-config.ts';
import { onnxContradiction, onnxManifestSchema } from './onnx.ts';
import { visionConfigSchema, visionContradiction } from './vision-config.ts';
import { voiceContradiction, voiceManifestSchema } from './voice.ts';

export { MANIFEST_VERSION, MODEL_ID_PATTERN } from './about.ts';
export type { ModelConfig, RopeScaling } from './decoder-config.ts';
export type { EncoderConfig } from './encoder-config.ts';

/** A shard is one object that is read in one go. */
export const SHARD_MAX_BYTES = 64 * 1024 * 1024;

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
