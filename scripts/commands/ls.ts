/** `thimble ls`: the models that are imported on this machine. */
import process from 'node:process';
import type { Command } from 'commander';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { localManifests, mainDtype, modelBytes } from '../dev/local-models.ts';
import { colour } from '../lib/colours.ts';
import { formatBytes, formatSeconds } from '../lib/progress.ts';
import { textTable } from '../lib/table.ts';

interface LsFlags {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble ls
  thimble ls --quiet                     (names only)
  thimble ls --json
`;

export function register(program: Command): void {
  program
    .command('ls')
    .summary('list the models on this machine')
    .description(
      'Lists the imported models: name, kind, size, type of most weights, when they were imported.',
    )
    .option('-q, --quiet', 'print names only')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: LsFlags) => {
      const manifests = await localManifests();
      process.stdout.write(flags.json === true ? jsonOf(manifests) : show(manifests, flags));
    });
}

function jsonOf(manifests: readonly Manifest[]): string {
  const models = manifests.map((manifest) => ({
    id: manifest.id,
    kind: manifest.kind,
    bytes: modelBytes(manifest),
    dtype: mainDtype(manifest),
    modified: manifest.createdAt,
  }));
  return `${JSON.stringify({ models })}\n`;
}

function show(manifests: readonly Manifest[], { quiet }: LsFlags): string {
  if (quiet === true) return manifests.map(({ id }) => `${id}\n`).join('');
  if (manifests.length === 0) {
    process.stderr.write('no models yet. Get one: `thimble run`, or `thimble pull --list`\n');
    return '';
  }
  const [head = '', ...lines] = textTable(
    [
      ['NAME', 'KIND', 'SIZE', 'DTYPE', 'MODIFIED'],
      ...manifests.map((manifest) => [
        ...[manifest.id, manifest.kind, formatBytes(modelBytes(manifest))],
        mainDtype(manifest) ?? '-',
        describeAge(manifest.createdAt),
      ]),
    ],
    new Set([2]),
  );
  return `${[colour('bold', head), ...lines].join('\n')}\n`;
}

const DAY_SECONDS = 86_400;

/** `5.0 s ago`, `2 h 5 min ago`, from two days on the date. */
export function describeAge(time: string, nowMs: number = Date.now()): string {
  const seconds = (nowMs - Date.parse(time)) / 1000;
  if (!Number.isFinite(seconds)) return '-';
  if (seconds >= 2 * DAY_SECONDS) return time.slice(0, 10);
  return `${formatSeconds(Math.max(0, seconds))} ago`;
}
