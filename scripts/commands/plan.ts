/** `thimble plan`: where a model would lie in a pool of isolates, and what a token of it costs there. */
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { findPlaced } from '../../engine/manifest/placement.ts';
import type { PlacedModel, Placement } from '../../engine/manifest/placement.ts';
import type { AssignOptions } from '../../engine/placement/assign.ts';
import { budgetOfMemory, freeBytes, ISOLATE_RESERVE_BYTES } from '../../engine/placement/assign.ts';
import { emptyPlacement } from '../../engine/placement/changes.ts';
import { tokenCost } from '../../engine/placement/cost.ts';
import type { TokenCost } from '../../engine/placement/cost.ts';
import { requirePlaced } from '../../engine/placement/needs.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import prices from '../../worker/serving/accounting/prices.json' with { type: 'json' };
import { existsSync } from 'node:fs';
import { parseBytes, parseCount, parseIsolates, parseReplicas } from '../lib/arguments.ts';
import { modelsDir, stateDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import type { Bucket } from '../push/bucket.ts';
import { describePlace, describePool, describeRanges } from '../push/describe-placement.ts';
import { changePlacement, readPlacement, readPlacementOrEmpty, versionOf } from '../push/place.ts';
import { fillPool, readStored } from '../push/pool.ts';
import type { StoredModel } from '../push/pool.ts';
import { readImported } from '../push/push.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

/**
 * WebSocket messages that an object receives for the price of a request
 * (https://developers.cloudflare.com/durable-objects/platform/pricing/).
 */
const MESSAGES_A_REQUEST = 20;

interface PlanFlags extends BucketFlags {
  readonly isolates?: number | 'auto';
  readonly budget?: number;
  readonly ctx?: number;
  readonly replicas?: number;
  readonly write?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble plan my-model                          (in the pool as it is; changes nothing)
  thimble plan my-model --isolates 6 --ctx 4096
  thimble plan my-model --isolates auto --budget 128MB --json
  thimble plan my-model --isolates 1 --budget 2GB   (a machine of one's own: thimble dev --memory 2GB)
  thimble plan my-model --isolates 12 --write    (changes the local pool's record; --remote: the account's)
  thimble plan --write                           (places all models of the bucket again)
`;

export function register(program: Command): void {
  const command = program
    .command('plan [id]')
    .summary('show where a model would lie, and what a token costs')
    .description(
      'Shows which isolates would hold which pieces of an imported model beside the models that are placed, ' +
        'and what a token costs. Changes nothing without --write.',
    )
    .option(
      '--isolates <n>',
      'isolates of the pool, or auto for as many as its models need (default: as they are)',
      parseIsolates,
    )
    .option(
      '--budget <size>',
      `memory of an isolate, such as 128MB, of which ${formatBytes(ISOLATE_RESERVE_BYTES)} are left free`,
      parseBytes,
    )
    .option('--ctx <tokens>', 'tokens of context (default 2048)', parseCount(1))
    .option('--replicas <n>', 'copies of it, in isolates of their own', parseReplicas)
    .option('--write', 'write the placement into the bucket');
  addBucketOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runPlan);
}

async function runPlan(id: string | undefined, flags: PlanFlags): Promise<void> {
  requirePlatformSize(flags);
  const model = id === undefined ? null : await readModel(id);
  const placement =
    flags.write === true
      ? await withBucket(flags, (bucket) => writePlan(bucket, model, flags))
      : await readPlan(model, flags);
  const facts = planFacts(placement, model);
  const text = flags.json === true ? `${JSON.stringify(facts)}\n` : describe(facts, placement);
  process.stdout.write(text);
}

async function readModel(id: string): Promise<StoredModel> {
  const { manifest, text } = await readImported(join(modelsDir(), id), id);
  return { manifest: requirePlaced(manifest), version: versionOf(text) };
}

/** The record as it would be; where nothing was ever stored, nothing is made to look into. */
async function readPlan(model: StoredModel | null, flags: PlanFlags): Promise<Placement> {
  if (flags.remote !== true && !existsSync(join(stateDir(), 'r2')))
    return planned(emptyPlacement(), [], model, flags);
  return await withBucket(flags, async (bucket) => {
    const placement = await readPlacement(bucket);
    return planned(placement, await readStored(bucket, placement), model, flags);
  });
}

/** @throws {EngineError} E_USAGE for isolates larger than the platform's. */
function requirePlatformSize({ remote, budget }: PlanFlags): void {
  if (remote !== true || budget === undefined || budget <= ISOLATE_BYTES) return;
  throw new EngineError(
    'E_USAGE',
    `plan: --budget ${budget}; expected at most ${ISOLATE_BYTES} with --remote: isolates of the platform have no more.`,
    { details: { budget } },
  );
}

async function writePlan(
  bucket: Bucket,
  model: StoredModel | null,
  flags: PlanFlags,
): Promise<Placement> {
  const stored = await readStored(bucket, await readPlacementOrEmpty(bucket));
  if (model !== null) requirePushed(stored, model);
  const change = (placement: Placement) => planned(placement, stored, model, flags);
  const placement = await changePlacement(bucket, change, { replaceInvalid: true });
  process.stderr.write(
    `written into ${bucket.label}: revision ${placement.revision}. ` +
      'A pool of another size or memory takes a server that is started, or deployed, with it.\n',
  );
  return placement;
}

/** @throws {EngineError} E_USAGE for a model that the bucket does not have as it was imported. */
function requirePushed(stored: readonly StoredModel[], { manifest, version }: StoredModel): void {
  const { id } = manifest;
  if (stored.some((model) => model.manifest.id === id && model.version === version)) return;
  throw new EngineError(
    'E_USAGE',
    `plan: ${id} is not in the bucket as it was imported here (version ${version}). ` +
      `Push it, which places it as well: thimble push ${id}`,
    { details: { id, version } },
  );
}

function planned(
  before: Placement,
  stored: readonly StoredModel[],
  model: StoredModel | null,
  { isolates, budget, ctx, replicas }: PlanFlags,
): Placement {
  const required = new Map<string, AssignOptions>();
  const options = {
    ...(ctx === undefined ? {} : { nCtx: ctx }),
    ...(replicas === undefined ? {} : { nReplica: replicas }),
  };
  if (model !== null) required.set(model.manifest.id, options);
  const { id } = model?.manifest ?? {};
  const others = stored.filter(
    ({ manifest, version }) => manifest.id !== id || version !== model?.version,
  );
  return fillPool(before, [...(model === null ? [] : [model]), ...others], {
    nIsolate: isolates ?? before.nIsolate,
    budgetBytes: budget === undefined ? before.budgetBytes : budgetOfMemory(budget),
    required,
    onLeftOut: (leftOut, error) => process.stderr.write(`left out: ${leftOut}: ${error.message}\n`),
  });
}

/** What both forms of output show. */
function planFacts(placement: Placement, model: StoredModel | null) {
  const { nIsolate, budgetBytes, revision } = placement;
  const free = freeBytes(placement, placement.models);
  const pool = {
    ...{ nIsolate, budgetBytes, memoryBytes: budgetBytes + ISOLATE_RESERVE_BYTES },
    ...{ reserveBytes: ISOLATE_RESERVE_BYTES, jsHeapBytes: JS_HEAP_BYTES, freeBytes: free },
    revision,
  };
  if (model === null) return { pool, models: placement.models };
  const { manifest, version } = model;
  const placed = findPlaced(placement, manifest.id, version);
  // A canary's neighbour or a version that was rolled back may have no place.
  if (placed === undefined) return { pool, models: placement.models };
  return {
    pool,
    ...{ id: manifest.id, version, kind: manifest.kind, nCtx: placed.nCtx, shares: placed.shares },
    replicas: placed.replicas.map(({ pieces }) => ({
      pieces: pieces.map((piece) => ({ ...piece, freeBytes: free[piece.isolate]! })),
      totalBytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0),
    })),
    token: costFacts(manifest, placed),
  };
}

/** Costs of a token, and in a deployment their price. */
function costFacts(manifest: PlacedManifest, { replicas: [first] }: PlacedModel) {
  if (manifest.kind !== 'decoder' || first === undefined) return null;
  const cost = tokenCost(manifest, first);
  return {
    ...cost,
    usdPerMillionTokensOfCalls: round(billedRequests(cost) * prices.perObjectRequest * 1e6),
    usdPerHourOfIsolates: round(cost.nIsolate * prices.objectGb * prices.perObjectGbSecond * 3600),
    pricesReadOn: prices.readOn,
  };
}

/** A call is a message to the stage and one back. */
function billedRequests({ nCall }: TokenCost): number {
  return Number(((2 * nCall) / MESSAGES_A_REQUEST).toFixed(2));
}

function round(usd: number): number {
  return Number(usd.toFixed(6));
}

function describe(facts: ReturnType<typeof planFacts>, placement: Placement): string {
  const { pool } = facts;
  const memory =
    `${pool.nIsolate} isolates of ${formatBytes(pool.memoryBytes)} each: ` +
    `${formatBytes(pool.reserveBytes)} left free, ${formatBytes(pool.jsHeapBytes)} JavaScript heap, ` +
    `${formatBytes(pool.budgetBytes - pool.jsHeapBytes)} for models`;
  const table = [`pool: ${memory}`, ...describePool(placement)];
  if (!('replicas' in facts)) return `${table.join('\n')}\n`;
  const placed = findPlaced(placement, facts.id, facts.version)!;
  const lines = [
    `${facts.id} (version ${facts.version}): ${describePlace(placement, placed)}`,
    ...facts.replicas.flatMap(({ pieces, totalBytes }, copy) => [
      ...(facts.replicas.length === 1 ? [] : [`  copy ${copy + 1}`]),
      ...pieces.map(
        (piece) =>
          `  isolate ${String(piece.isolate).padEnd(3)} ${formatBytes(piece.bytes).padStart(9)}, ` +
          `${formatBytes(Math.max(0, piece.freeBytes)).padStart(9)} free  ${describeRanges(piece) || 'whole'}`,
      ),
      `  total       ${formatBytes(totalBytes).padStart(9)} in ${pieces.length} ${pieces.length === 1 ? 'isolate' : 'isolates'}`,
    ]),
    ...(facts.token === null ? [] : costLines(facts.token)),
  ];
  return `${[...lines, ...table].join('\n')}\n`;
}

function costLines(
  cost: TokenCost & {
    readonly usdPerMillionTokensOfCalls: number;
    readonly usdPerHourOfIsolates: number;
    readonly pricesReadOn: string;
  },
): string[] {
  const calls =
    cost.nCall === 0
      ? 'no calls between isolates'
      : `${cost.nCall} calls between isolates with ${formatBytes(cost.callBytes)} ` +
        `(${formatBytes(cost.sampledCallBytes)} where a sampler looks at all logits)`;
  return [
    `  a token     reads ${formatBytes(cost.weightBytes)} of weights; ${calls}`,
    `  deployed    ${billedRequests(cost)} billed requests a token: $${cost.usdPerMillionTokensOfCalls} for a million tokens; ` +
      `${cost.nIsolate} ${cost.nIsolate === 1 ? 'isolate' : 'isolates'} at work: $${cost.usdPerHourOfIsolates} an hour (prices of ${cost.pricesReadOn}, beyond what the plan includes)`,
  ];
}
