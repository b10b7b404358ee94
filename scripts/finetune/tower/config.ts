/** The configuration of an image tower: a JSON file, checked, with paths beside it. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { MODEL_ID_PATTERN } from '../../../engine/manifest/manifest.ts';
import { parseConfig, readConfigText } from '../../train/config-file.ts';

const count = z.number().int().min(1);
const MAX_STEPS = 1_000_000;
/** Pairs of a step are compared with each other: so many squared are in memory. */
const MAX_PAIRS = 8192;
const MAX_HIDDEN = 8192;
const id = z.string().regex(MODEL_ID_PATTERN, 'expected small letters, digits, ".", "_" and "-"');

/** What the first map begins as: the classes that the encoder was trained for, or nothing. */
export const STARTS = ['labels', 'random'] as const;
export type Start = (typeof STARTS)[number];

const schema = z.strictObject({
  id,
  seed: z.number().int().min(0).default(1),
  /** Ids of imported models: what embeds texts, and what pictures are seen through. */
  text: id.default('all-minilm-l6-v2'),
  encoder: id.default('efficientnet-lite0'),
  data: z.strictObject({
    /** JSONL files of pictures with captions, or folders with some. */
    files: z.array(z.string()).min(1),
    /** A file with the SHA-256 of a picture's file a line: pictures that nothing is learned from. */
    heldOut: z.string().nullable().default(null),
    /** Share of the others that is measured on the way and not learned from. */
    validation: z.number().min(0).max(0.5).default(0),
    /** Whether pictures are seen the other way round, too. */
    mirrored: z.boolean().default(true),
    licence: z.string().min(1).default('unknown'),
  }),
  model: z
    .strictObject({
      hidden: count.max(MAX_HIDDEN).default(1000),
      start: z.enum(STARTS).default('labels'),
    })
    .prefault({}),
  training: z.strictObject({
    steps: count.max(MAX_STEPS),
    /** Of a step, which are compared with each other. */
    pairs: z.number().int().min(2).max(MAX_PAIRS).default(512),
    rate: z.number().positive().default(1e-3),
    warmupSteps: z.number().int().min(0).default(20),
    schedule: z.enum(['cosine', 'wsd']).default('cosine'),
    weightDecay: z.number().min(0).default(0.1),
    maxNorm: z.number().positive().default(1),
    /** Share of a picture's values that a step leaves out. */
    dropout: z.number().min(0).max(0.9).default(0.2),
    /** What cosines are divided by at first; it is learned. */
    temperature: z.number().min(0.005).max(10).default(0.05),
    evaluateEvery: count.default(25),
    saveEvery: count.default(100),
  }),
});
export type TowerConfig = z.output<typeof schema>;

/** @throws {EngineError} E_USAGE naming the file and the field */
export function parseTowerConfig(text: string, name: string): TowerConfig {
  return parseConfig(schema, text, name);
}

/** The configuration of a file, with its paths made whole. @throws {EngineError} E_USAGE */
export async function readTowerConfig(path: string): Promise<TowerConfig> {
  const text = await readConfigText(path);
  const config = parseTowerConfig(text, path);
  const beside = (file: string): string => resolve(dirname(path), file);
  const { files, heldOut } = config.data;
  return {
    ...config,
    data: {
      ...config.data,
      files: files.map(beside),
      heldOut: heldOut === null ? null : beside(heldOut),
    },
  };
}
