/** The `thimble` program: a table of commands, each in a file of its own. */
import process from 'node:process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { isPackaged, repoRoot } from './lib/paths.ts';
import { runMain } from './lib/run-command.ts';

interface CommandModule {
  register(program: Command): void;
}

const task = async (name: string): Promise<CommandModule> =>
  (await import('./commands/task.ts')).taskCommand(name);

/** In the order in which a model passes through them; imported only when asked for, since some load a compiler. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  init: () => import('./commands/init.ts'),
  pull: () => import('./commands/pull.ts'),
  import: () => import('./commands/import.ts'),
  calibrate: () => import('./commands/calibrate.ts'),
  inspect: () => import('./commands/inspect.ts'),
  plan: () => import('./commands/plan.ts'),
  push: () => import('./commands/push.ts'),
  models: () => import('./commands/models.ts'),
  use: () => import('./commands/use.ts'),
  alias: () => import('./commands/alias.ts'),
  rollback: () => import('./commands/rollback.ts'),
  rm: () => import('./commands/rm.ts'),
  dev: () => import('./commands/dev.ts'),
  generate: () => import('./commands/generate.ts'),
  chat: () => import('./commands/chat.ts'),
  summarize: () => task('summarize'),
  translate: () => task('translate'),
  extract: () => task('extract'),
  classify: () => task('classify'),
  rewrite: () => task('rewrite'),
  answer: () => task('answer'),
  transcribe: () => import('./commands/transcribe.ts'),
  speak: () => import('./commands/speak.ts'),
  embed: () => import('./commands/embed.ts'),
  search: () => import('./commands/search.ts'),
  bench: () => import('./commands/bench/index.ts'),
  eval: () => import('./commands/eval.ts'),
  keys: () => import('./commands/keys.ts'),
  backup: () => import('./commands/backup.ts'),
  restore: () => import('./commands/restore.ts'),
  subjects: () => import('./commands/subjects.ts'),
  deploy: () => import('./commands/deploy.ts'),
  doctor: () => import('./commands/doctor.ts'),
};

/** Commands that run sources or packages that only a clone has. */
const CLONE_ONLY: ReadonlySet<string> = new Set(['bench']);

const EXAMPLES = `
Examples:
  thimble init my-app
  thimble pull smollm2-135m-instruct
  thimble import smollm2-135m-instruct --preset edge
  thimble dev
  thimble chat -m smollm2-135m-instruct
  thimble deploy --dry-run

Folders:
  files are kept in the user's cache and data folders (XDG), or all in THIMBLE_HOME
  THIMBLE_DEBUG=1 shows where an error comes from
`;

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const program = new Command('thimble')
    .description(
      "Serve an open model's file as an OpenAI-compatible HTTPS service on edge Workers.",
    )
    .version(version)
    .showHelpAfterError('(--help shows the options)')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: false })
    .exitOverride();
  const wanted = process.argv[2] ?? '';
  const known = Object.keys(COMMANDS).filter((name) => !isPackaged || !CLONE_ONLY.has(name));
  const names = known.includes(wanted) ? [wanted] : known;
  for (const name of names) (await COMMANDS[name]?.())?.register(program);
  for (const command of program.commands) {
    command.exitOverride().showHelpAfterError('(--help shows the options)');
  }
  try {
    await program.parseAsync();
  } catch (error) {
    // commander has printed what is wrong, or the help that was asked for.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
  }
}

await runMain(main);
