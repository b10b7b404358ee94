/** `thimble models`: what a bucket serves, and where it lies. */
import process from 'node:process';
import type { Command } from 'commander';
import { modelFiles } from '../../engine/manifest/manifest.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { formatBytes } from '../lib/progress.ts';
import { textTable } from '../lib/table.ts';
import { isolateNames } from '../push/describe-placement.ts';
import { readPlacement } from '../push/place.ts';
import { readAllStored } from '../push/pool.ts';
import type { AnyStored } from '../push/pool.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface ModelsFlags extends BucketFlags {
  readonly json?: boolean;
}

/** One version of a model, as both forms of output show it. */
interface ModelRow {
  readonly id: string;
  readonly version: string;
  readonly kind: string;
  readonly bytes: number;
  /** Isolates of each copy; null for a model that is not in the pool. */
  readonly isolates: readonly (readonly number[])[] | null;
  readonly nCtx: number | null;
  readonly licence: string;
  readonly isDefault: boolean;
  /** Percentage of requests it answers as a canary. */
  readonly canaryPercent: number | null;
  /** Whether it is kept for a rollback only. */
  readonly isPrevious: boolean;
  readonly aliases: readonly string[];
}

const EXAMPLES = `
Examples:
  thimble models
  thimble models --json
  thimble models --remote                (the account's bucket: models that are placed)
`;

export function register(program: Command): void {
  const command = program
    .command('models')
    .summary('list what is pushed, and where it lies')
    .description(
      'Lists the models of the bucket: version, kind, size, isolates, context, licence; default, canary, ' +
        'previous version, aliases.',
    );
  addBucketOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ModelsFlags) => {
      const { placement, rows } = await withBucket(flags, async (bucket) => {
        const found = await readPlacement(bucket);
        return { placement: found, rows: rowsOf(found, await readAllStored(bucket, found)) };
      });
      const { revision, nIsolate } = placement;
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ revision, nIsolate, models: rows })}\n`
          : describe(rows),
      );
    });
}

function rowsOf(placement: Placement, stored: readonly AnyStored[]): ModelRow[] {
  const rows = stored.map(({ manifest, version }) => rowOf(placement, manifest, version));
  return rows.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function rowOf(
  { models, serving, defaultModel, aliases }: Placement,
  manifest: AnyStored['manifest'],
  version: string,
): ModelRow {
  const { id, kind, licence } = manifest;
  const placed = models.find((model) => model.id === id && model.version === version);
  const now = serving[id];
  const canary = now?.canary?.version === version ? now.canary.percent : null;
  const isServed = now === undefined || now.version === version;
  const names = Object.entries(aliases).filter(([, target]) => target === id);
  return {
    ...{ id, version, kind, licence },
    bytes: modelFiles(manifest).reduce((sum, { bytes }) => sum + bytes, 0),
    isolates: placed?.replicas.map(({ pieces }) => pieces.map(({ isolate }) => isolate)) ?? null,
    nCtx: placed?.nCtx ?? null,
    isDefault: isServed && id === defaultModel,
    canaryPercent: canary,
    isPrevious: !isServed && canary === null,
    aliases: isServed ? names.map(([name]) => name) : [],
  };
}

function describe(rows: readonly ModelRow[]): string {
  if (rows.length === 0) return 'no models yet. Push one: thimble push ID\n';
  const table = [
    ['id', 'version', 'kind', 'size', 'where', 'context', 'licence', ''],
    ...rows.map((row) => [
      ...[row.id, row.version, row.kind, formatBytes(row.bytes)],
      row.isolates?.map(isolateNames).join(' and ') ?? 'not in the pool',
      row.nCtx === null ? '' : String(row.nCtx),
      row.licence,
      marksOf(row),
    ]),
  ];
  const lines = textTable(table);
  return `${lines.join('\n')}\n`;
}

function marksOf({ isDefault, canaryPercent, isPrevious, aliases }: ModelRow): string {
  return [
    ...(isDefault ? ['default'] : []),
    ...(canaryPercent === null ? [] : [`canary ${canaryPercent} %`]),
    ...(isPrevious ? ['previous'] : []),
    ...aliases.map((name) => `alias ${name}`),
  ].join(', ');
}
