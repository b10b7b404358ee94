/** The configuration of the small model of three modalities: a JSON file, checked. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';

const count = z.number().int().positive();
const positive = z.number().positive();
const range = z.tuple([positive, positive]);
const share = z.number().min(0).max(1);
/** How often examples of a source are drawn, relative to the others, and what each answer of theirs counts. */
const source = z.strictObject({ share: z.number().min(0), weight: positive });

const scenes = z.strictObject({
  ...source.shape,
  ...{ sides: z.array(count).min(1), maxObjects: count },
  /** Scenes have at most so many objects before a step. */
  curriculum: z.array(z.strictObject({ untilStep: count, maxObjects: count })),
  /** Part of the scenes that is described; the others are asked about, in so many rounds of questions. */
  ...{ described: share, rounds: count },
  /** Parts of those asked about whose questions are about places, or counts, alone. */
  ...{ placed: share, counted: share },
  /** What a caption, and all labels of a picture's patches, count. */
  ...{ caption: positive, patches: z.number().min(0) },
});
const digits = z.strictObject({
  ...source.shape,
  /** What all labels of a digit's later frames count, which name it there; 0 for none. */
  frames: z.number().min(0),
  /** Part of them that is learned without its quiet ends, which is how some are recorded. */
  trimmed: share,
  /** Between which they are made slower or faster: with their pitch, and without it. */
  ...{ speed: range, pace: range },
  /** Ids of voices that speak digits, too, and how many recordings each has: a speaker of the data set has 500. */
  voices: z.array(z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/)),
  spoken: count,
});
const sources = z.strictObject({
  ...{ text: source, dialogues: source, scenes, 'easy-vqa': source, digits, commands: source },
});
const pace = z.strictObject({ steps: count, rate: positive, warmupSteps: count });

const schema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  seed: z.number().int().min(0),
  /** Different tokens, markers included. */
  tokens: count.max(65_536),
  model: z.strictObject({
    ...{ layers: count.max(64), dim: count.max(4096), heads: count, context: count.max(4096) },
  }),
  image: z.strictObject({
    ...{ size: count, patch: count, window: count, cell: count, directions: count },
    scan: z.enum(['rows', 'columns']),
  }),
  audio: z.strictObject({ bands: count, stack: count, most: count }),
  sources,
  training: z.strictObject({
    ...pace.shape,
    /** Rows of an update, and in memory at a time. */
    rows: count,
    schedule: z.enum(['cosine', 'wsd']),
    ...{ weightDecay: z.number().min(0), maxNorm: positive, beta2: share },
    /** Layers after which patches name what they show. */
    labelLayer: count,
    ...{ evaluateEvery: count, saveEvery: count },
    /** Examples of a source that an evaluation on the way has, and the last one. */
    ...{ evaluated: count, evaluatedAtEnd: count },
  }),
  /** What comes after those steps, with a warm-up and an end of its own: another mixture, where it says so. */
  then: pace
    .extend({
      sources: z.strictObject({
        text: source.partial().optional(),
        dialogues: source.partial().optional(),
        scenes: scenes.partial().optional(),
        'easy-vqa': source.partial().optional(),
        digits: digits.partial().optional(),
        commands: source.partial().optional(),
      }),
    })
    .optional(),
});

export type MiniConfig = z.output<typeof schema>;
export type SourceName = keyof MiniConfig['sources'];

export interface MiniStage {
  readonly config: MiniConfig;
  readonly firstStep: number;
}

/** The parts of a training one after another, each with its whole configuration; their steps are its own. */
export function stagesOf({ then, ...config }: MiniConfig): MiniStage[] {
  const first = { config, firstStep: 0 };
  if (then === undefined) return [first];
  const { sources: changes, ...paced } = then;
  const merged = Object.entries(config.sources).map(([name, options]) => [
    name,
    { ...options, ...changes[name as SourceName] },
  ]);
  const sources = Object.fromEntries(merged) as MiniConfig['sources'];
  const training = { ...config.training, ...paced };
  return [first, { config: { ...config, sources, training }, firstStep: config.training.steps }];
}

/** @throws {EngineError} E_USAGE naming the file and the field */
export async function readMiniConfig(path: string): Promise<MiniConfig> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new EngineError('E_USAGE', `${path}: cannot be read (${what}). Give a configuration.`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new EngineError(
    'E_USAGE',
    `${path}: ${field}: ${issue?.message ?? 'is not a configuration'}. Mend it.`,
    { param: field },
  );
}
