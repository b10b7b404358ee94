/**
 * The record of what lies where in a pool of isolates: `fleet/placement.json` beside the models. Written
 * by whoever adds or removes a model, read by the gateway and given to stages with every call. Hostile until
 * parsed: a piece that is missing or lies twice would be a wrong token.
 */
import { z } from 'zod';
import { EngineError } from '../base/errors.ts';
import { MODEL_ID_PATTERN } from './about.ts';

export const PLACEMENT_VERSION = 1;
/** Stage scripts a pool may have: the bindings of one script (Workers platform limits allow more). */
export const MAX_ISOLATES = 64;
const MAX_MODELS = 1000;
/** Copies of one model. */
export const MAX_REPLICAS = 16;

const count = z.number().int().nonnegative();
const id = z.string().regex(MODEL_ID_PATTERN);
/** The first 16 hex digits of the SHA-256 of a model's manifest.json. */
const version = z.string().regex(/^[0-9a-f]{16}$/);
const range = z.tuple([count, count]);

const piece = z.object({
  /** Number of its stage script. */
  isolate: count.max(MAX_ISOLATES - 1),
  /** Memory it was planned to take there, without the JavaScript heap that every isolate has. */
  bytes: count,
  layers: range,
  /** Rows of the embedding and the head. */
  rows: range,
});

const replica = z.object({
  /** A text model's pieces, the leader's first; any other model is one piece without ranges. */
  pieces: z.array(piece).min(1).max(MAX_ISOLATES),
});

const placedModel = z.object({
  id,
  version,
  kind: z.enum(['decoder', 'encoder', 'recognition', 'vision', 'tower']),
  /** Tokens of context planned for; null for kinds without a cache. */
  nCtx: count.nullable(),
  replicas: z.array(replica).min(1).max(MAX_REPLICAS),
  /** Whether it lies where others lie that do not fit beside it: they take turns. */
  shares: z.boolean(),
});

/** Which version of a model answers. */
const serving = z.object({
  version,
  /** Another version, and the percentage of requests it answers. */
  canary: z.object({ version, percent: z.number().min(0).max(100) }).nullable(),
  /** The version before, for a rollback. */
  previous: version.nullable(),
});

export const placementSchema = z.object({
  formatVersion: z.literal(PLACEMENT_VERSION),
  /** Incremented by every change. */
  revision: count,
  createdAt: z.string().max(40),
  /** Stage scripts in the pool. */
  nIsolate: count.min(1).max(MAX_ISOLATES),
  /** Bytes of each isolate that plans may use, JavaScript heap included. */
  budgetBytes: count.min(1),
  /** Whether each isolate has a core of its own, as in a deployment. */
  overlap: z.boolean(),
  defaultModel: id.nullable(),
  aliases: z.record(z.string().max(64), id),
  serving: z.record(z.string().max(64), serving),
  models: z.array(placedModel).max(MAX_MODELS),
});

export type Placement = z.output<typeof placementSchema>;
export type PlacedModel = z.output<typeof placedModel>;
export type Replica = z.output<typeof replica>;
export type PlacedPiece = z.output<typeof piece>;
export type Serving = z.output<typeof serving>;

/** The record from its text. @throws {EngineError} E_PLACEMENT_INVALID as `parsePlacement`, or for what is not JSON */
export function parsePlacementText(text: string): Placement {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid('the record is not JSON', {}, cause);
  }
  return parsePlacement(json);
}

/** @throws {EngineError} E_PLACEMENT_INVALID naming the field, or what contradicts what. */
export function parsePlacement(json: unknown): Placement {
  const parsed = placementSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    throw invalid(`${field}: ${issue?.message ?? 'invalid'}`, { field });
  }
  const placement = parsed.data;
  for (const model of placement.models) checkModel(placement, model);
  for (const [served, { version, canary }] of Object.entries(placement.serving))
    for (const wanted of [version, ...(canary === null ? [] : [canary.version])])
      if (findPlaced(placement, served, wanted) === undefined)
        throw invalid(`serving.${served}: version ${wanted} is not placed`, { served, wanted });
  return placement;
}

export function findPlaced(
  { models }: Pick<Placement, 'models'>,
  id: string,
  version: string,
): PlacedModel | undefined {
  return models.find((model) => model.id === id && model.version === version);
}

function checkModel({ nIsolate, budgetBytes }: Placement, model: PlacedModel): void {
  const { id, version, kind, replicas } = model;
  const fail = (what: string): never => {
    throw invalid(`${id} (${version}): ${what}`, { id, version });
  };
  for (const { pieces } of replicas) {
    for (const { isolate, bytes } of pieces) {
      if (isolate >= nIsolate)
        fail(`a piece is in isolate ${isolate}; expected 0 to ${nIsolate - 1}`);
      if (bytes > budgetBytes)
        fail(`a piece of ${bytes} bytes is larger than the budget of ${budgetBytes}`);
    }
    const isolates = new Set(pieces.map(({ isolate }) => isolate));
    if (isolates.size < pieces.length) fail('two of its pieces are in one isolate');
    // Stages are bound to those after them, so that scripts can be deployed one after the other.
    if (Math.min(...isolates) !== pieces[0]!.isolate)
      fail('its leader is not in the first of its isolates');
    if (kind !== 'decoder' && pieces.length > 1) fail(`a model of kind ${kind} cannot be cut`);
    checkCover(
      pieces.map(({ layers }) => layers),
      'layers',
      fail,
    );
    checkCover(
      pieces.map(({ rows }) => rows),
      'rows of the vocabulary',
      fail,
    );
  }
}

/** Ranges must follow each other from 0 without hole or overlap. */
function checkCover(
  ranges: readonly (readonly [number, number])[],
  what: string,
  fail: (what: string) => never,
): void {
  const held = ranges.filter(([from, to]) => from !== to).sort((a, b) => a[0] - b[0]);
  let end = 0;
  for (const [from, to] of held) {
    if (from > end) fail(`no piece holds ${what} ${end} to ${from}`);
    if (from < end) fail(`two pieces hold ${what} ${from} to ${end}`);
    if (to < from) fail(`${what} ${from} to ${to}; expected a range`);
    end = to;
  }
}

/**
 * Checks a placement of a model against its manifest.
 * @throws {EngineError} E_PLACEMENT_INVALID when layers or rows are missing or there are more than the model has.
 */
export function checkAgainst(
  { id, version, replicas }: PlacedModel,
  { nLayer, nVocab }: { readonly nLayer: number; readonly nVocab: number },
): void {
  const want = { layers: nLayer, rows: nVocab };
  for (const { pieces } of replicas)
    for (const what of ['layers', 'rows'] as const) {
      const end = Math.max(...pieces.map((piece) => piece[what][1]));
      if (end !== want[what])
        throw invalid(`${id} (${version}): ${what} end at ${end}; the model has ${want[what]}`, {
          id,
          version,
        });
    }
}

function invalid(
  what: string,
  details: Readonly<Record<string, unknown>>,
  cause?: unknown,
): EngineError {
  return new EngineError(
    'E_PLACEMENT_INVALID',
    `placement: ${what}. Write it anew: thimble plan --write`,
    { details, cause },
  );
}
