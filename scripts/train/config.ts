/** The configuration of a training: a JSON file, checked, with paths beside it. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { parseConfig, readConfigText } from './config-file.ts';

const count = z.number().int().min(1);
const share = z.number().min(0).max(1);

/** Hundreds of millions of weights take hours a step here. */
const MAX_LAYERS = 64;
const MAX_DIM = 4096;
const MAX_CONTEXT = 4096;
const MAX_STEPS = 10_000_000;
/** Cosines over less leave nothing but the nearest, and overflow. */
const MIN_TEMPERATURE = 0.005;

const schema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected small letters, digits, ".", "_" and "-"'),
  seed: z.number().int().min(0).default(1),
  objective: z.enum(['next-token', 'contrastive']).default('next-token'),
  data: z.strictObject({
    files: z.array(z.string()).min(1),
    separator: z.string().min(1).default('<|endoftext|>'),
    heldOut: share.default(0.02),
    licence: z.string().min(1).default('unknown'),
  }),
  tokenizer: z.union([z.literal('bytes'), z.string()]).default('bytes'),
  model: z.strictObject({
    layers: count.max(MAX_LAYERS),
    dim: count.max(MAX_DIM),
    heads: count,
    kvHeads: count.optional(),
    ffnDim: count.optional(),
    context: count.max(MAX_CONTEXT),
  }),
  /** Of the contrastive objective. */
  contrastive: z
    .strictObject({
      /** Decoders: one for both sides, or one each. */
      towers: z.union([z.literal(1), z.literal(2)]).default(1),
      /** What cosines are divided by. */
      temperature: z.number().min(MIN_TEMPERATURE).max(10).default(0.05),
    })
    .prefault({}),
  training: z
    .strictObject({
      steps: count.max(MAX_STEPS),
      /** Sequences of an update, and of them those in memory at a time. */
      sequences: count.default(16),
      sequencesAtOnce: count.optional(),
      rate: z.number().positive().default(1e-3),
      warmupSteps: z.number().int().min(0).optional(),
      schedule: z.enum(['cosine', 'wsd']).default('cosine'),
      weightDecay: z.number().min(0).default(0.1),
      maxNorm: z.number().positive().default(1),
      evaluateEvery: count.default(100),
      saveEvery: count.default(100),
    })
    .superRefine(({ sequences, sequencesAtOnce = sequences }, context) => {
      if (sequences % sequencesAtOnce !== 0)
        context.addIssue({
          ...{ code: 'custom', path: ['sequencesAtOnce'] },
          message: `expected a divisor of sequences (${sequences}), got ${sequencesAtOnce}`,
        });
    }),
});

/** Pairs of a step are compared with each other: they are in memory together. */
const checked = schema.superRefine(({ objective, training }, context) => {
  const { sequences, sequencesAtOnce = sequences } = training;
  if (objective !== 'contrastive') return;
  const fail = (field: string, message: string): void =>
    context.addIssue({ code: 'custom', path: ['training', field], message });
  if (sequences < 2) fail('sequences', `expected 2 pairs or more, got ${sequences}`);
  if (sequencesAtOnce !== sequences)
    fail('sequencesAtOnce', 'pairs are compared with each other; expected to be left out');
});

export type TrainingConfig = z.output<typeof schema>;

/** @throws {EngineError} E_USAGE naming the file and the field */
export function parseTrainingConfig(text: string, name: string): TrainingConfig {
  return parseConfig(checked, text, name);
}

/** The configuration of a file, with its paths made whole. */
export async function readTrainingConfig(path: string): Promise<TrainingConfig> {
  const text = await readConfigText(path);
  const config = parseTrainingConfig(text, path);
  const beside = (file: string): string => resolve(dirname(path), file);
  return {
    ...config,
    data: { ...config.data, files: config.data.files.map(beside) },
    tokenizer: config.tokenizer === 'bytes' ? 'bytes' : beside(config.tokenizer),
  };
}
