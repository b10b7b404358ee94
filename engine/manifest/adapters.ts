/**
 * The record of a base's adapters in the bucket, one for all of them: small, since every request that names one
 * needs it. Hostile until parsed.
 */
import { z } from 'zod';
import { EngineError } from '../base/errors.ts';
import { fileName, MODEL_ID_PATTERN, sha256 } from './about.ts';

/** Adapters of one base. */
export const MAX_ADAPTERS = 500;
/** Largest file of an adapter. */
export const MAX_ADAPTER_BYTES = 64 * 1024 * 1024;
/** What stands between a base and an adapter's name in the name of a model. */
export const ADAPTER_SEPARATOR = ':';
/** The tag that Ollama's clients put after every model's name. */
const RESERVED_NAME = 'latest';

/** Positions of a trained prefix: every one takes its room in the context of every text. */
export const MAX_PREFIX_POSITIONS = 2048;

const count = z.number().int().positive();

/** Vectors a side of the grid that a picture becomes. */
export const MAX_GRID = 32;
const MAX_WIDTH = 16_384;
const width = count.max(MAX_WIDTH);

/** What there is to know of a projector over an image encoder, beside its weights. */
const projectorFields = {
  /** The image encoder that it sees through, and the SHA-256 of what it has to be (`encoderHash`). */
  encoder: z.string().regex(MODEL_ID_PATTERN),
  encoderSha256: sha256,
  grid: count.max(MAX_GRID),
  /** Channels of the encoder's last map. */
  nFeature: width,
  nHidden: width,
  /** Values of a row that it makes. */
  nEmbd: width,
  normEps: z.number().positive().max(1),
};
export type ProjectorFacts = z.output<z.ZodObject<typeof projectorFields>>;

/** What there is to know of an adapter's eyes, whose rows a text model reads: a part of its folder, and of its record. */
export const eyesFactsSchema = z.strictObject({
  ...projectorFields,
  /** Ids of the tokens before and after a picture. */
  beginId: z.number().int().nonnegative(),
  endId: z.number().int().nonnegative(),
});
export type EyesFacts = z.output<typeof eyesFactsSchema>;

/** A file beside a base. */
const storedFile = {
  file: fileName,
  bytes: count.max(MAX_ADAPTER_BYTES),
  sha256,
  /** Bytes that it takes in the kernels' memory. */
  regionBytes: count.max(4 * MAX_ADAPTER_BYTES),
};

/** Eyes as a bucket has them. */
const storedEyes = z.strictObject({ ...eyesFactsSchema.shape, ...storedFile });
export type StoredEyes = z.output<typeof storedEyes>;

/** A projector as a bucket has it: eyes of a text model, or the image tower of an embedding model. */
export type StoredProjector = ProjectorFacts & z.output<z.ZodObject<typeof storedFile>>;

/**
 * What there is to know of an image tower, beside its weights: pictures become vectors among those that an embedding model
 * makes of texts.
 */
export const towerFactsSchema = z.strictObject({
  ...projectorFields,
  /** The embedding model that it was trained for, and the SHA-256 of what that has to be (`towerBaseHash`). */
  text: z.string().regex(MODEL_ID_PATTERN),
  textSha256: sha256,
  /** What cosines of pictures with texts are multiplied with before they become probabilities; learned with the tower. */
  scale: z.number().positive().max(1000),
});
export type TowerFacts = z.output<typeof towerFactsSchema>;

export const adapterRecordSchema = z.strictObject({
  name: z.string().regex(MODEL_ID_PATTERN),
  /** SHA-256 of what the base has to be for the adapter to fit it (`baseHash`). */
  baseSha256: sha256,
  /** 0 of a trained prefix, which has no matrices. */
  rank: z.number().int().nonnegative().max(4096),
  alpha: z.number().nonnegative(),
  /** Names of the projections it changes, such as qProj, in any of the layers. */
  projections: z.array(z.string().regex(/^[a-z]{1,8}Proj$/)).max(16),
  /** Matrices that it changes. */
  nTarget: z.number().int().nonnegative().max(1_000_000),
  /** Positions of a trained prefix; 0 of low-rank adapters. */
  nPrefix: z.number().int().nonnegative().max(MAX_PREFIX_POSITIONS).default(0),
  /** What it sees with; it applies from the first picture of a prompt on then. Null for one that reads text alone. */
  eyes: storedEyes.nullable().default(null),
  /** Of an image tower, whose weights are the record's file; null for adapters of text models. */
  tower: towerFactsSchema.nullable().default(null),
  /** Tokens that activate it; null for an adapter that always applies. */
  activation: z.array(z.number().int().nonnegative()).min(1).max(256).nullable(),
  /** What its own files call the base. */
  baseName: z.string().max(500).nullable(),
  licence: z.string().max(200),
  source: z.string().max(500),
  createdAt: z.string().max(40),
  ...storedFile,
});
export type AdapterRecord = z.output<typeof adapterRecordSchema>;

export const adapterListSchema = z.strictObject({
  version: z.literal(1),
  adapters: z.array(adapterRecordSchema).max(MAX_ADAPTERS),
});
export type AdapterList = z.output<typeof adapterListSchema>;

/** @throws {EngineError} E_MANIFEST_INVALID naming the record and the field */
export function parseAdapterList(key: string, text: string): AdapterList {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalidList(key, 'not JSON', cause);
  }
  const parsed = adapterListSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalidList(key, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, parsed.error);
  }
  const names = parsed.data.adapters.map(({ name }) => name);
  if (new Set(names).size < names.length) throw invalidList(key, 'a name is listed twice');
  return parsed.data;
}

function invalidList(key: string, what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_MANIFEST_INVALID',
    `${key}: ${what}. Add the adapters again: thimble adapter add BASE:NAME PATH.`,
    { cause },
  );
}

/** A model's name as the base and the adapter it names; `adapter` is null for a base alone. */
export interface SplitName {
  readonly base: string;
  readonly adapter: string | null;
}

export function splitName(name: string): SplitName {
  const at = name.indexOf(ADAPTER_SEPARATOR);
  if (at === -1) return { base: name, adapter: null };
  return { base: name.slice(0, at), adapter: name.slice(at + ADAPTER_SEPARATOR.length) };
}

/** The name under which requests ask for an adapter. */
export function adapterModelId(base: string, adapter: string): string {
  return `${base}${ADAPTER_SEPARATOR}${adapter}`;
}

/** Whether an adapter may be called this. */
export function isAdapterName(name: string): boolean {
  return MODEL_ID_PATTERN.test(name) && name !== RESERVED_NAME;
}
