/** The `thimble` program as a tree of commands, each of which is a file of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { isPackaged, repoRoot } from '../../lib/paths.ts';

interface CommandModule {
  register(program: Command): void;
}

const task = async (name: string): Promise<CommandModule> =>
  (await import('../task.ts')).taskCommand(name);

/** Where `help` stands, too. */
const LAST_GROUP = 'Help:';

type Loader = () => Promise<CommandModule>;

/** Under the headings of the help, in the order in which a person needs them; imported only when asked for, since some load a compiler. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, Loader>>>> = {
  'Ask a model:': {
    run: () => import('../run.ts'),
    chat: () => import('../chat.ts'),
    generate: () => import('../generate.ts'),
    summarize: () => task('summarize'),
    translate: () => task('translate'),
    extract: () => task('extract'),
    classify: () => task('classify'),
    rewrite: () => task('rewrite'),
    answer: () => task('answer'),
    transcribe: () => import('../transcribe.ts'),
    speak: () => import('../speak.ts'),
    embed: () => import('../embed.ts'),
    search: () => import('../search.ts'),
    ask: () => import('../ask.ts'),
    caption: () => import('../caption.ts'),
    look: () => import('../look.ts'),
  },
  'Models on this machine:': {
    ls: () => import('../ls.ts'),
    show: () => import('../show.ts'),
    rm: () => import('../rm.ts'),
    pull: () => import('../pull.ts'),
    import: () => import('../import.ts'),
    calibrate: () => import('../calibrate.ts'),
    train: () => import('../train.ts'),
    'train-mini': () => import('../train-mini.ts'),
    'train-tower': () => import('../train-tower.ts'),
    finetune: () => import('../finetune.ts'),
    tokenizer: () => import('../tokenizer.ts'),
    data: () => import('../data/index.ts'),
    inspect: () => import('../inspect.ts'),
  },
  'Serve here and deploy:': {
    init: () => import('../init.ts'),
    serve: () => import('../serve.ts'),
    dev: () => import('../dev.ts'),
    ps: () => import('../ps.ts'),
    mcp: () => import('../mcp.ts'),
    deploy: () => import('../deploy.ts'),
    doctor: () => import('../doctor.ts'),
  },
  'What a server serves:': {
    push: () => import('../push.ts'),
    plan: () => import('../plan.ts'),
    models: () => import('../models.ts'),
    use: () => import('../use.ts'),
    alias: () => import('../alias.ts'),
    adapter: () => import('../adapter.ts'),
    rollback: () => import('../rollback.ts'),
  },
  'Who may ask it, and what it keeps:': {
    keys: () => import('../keys.ts'),
    subjects: () => import('../subjects.ts'),
    backup: () => import('../backup.ts'),
    restore: () => import('../restore.ts'),
  },
  'Measure:': {
    bench: () => import('../bench/index.ts'),
    eval: () => import('../eval.ts'),
  },
  [LAST_GROUP]: {
    completion: () => import('../completion.ts'),
  },
};

/** Commands that run sources or packages that only a clone has. */
const CLONE_ONLY: ReadonlySet<string> = new Set(['bench']);

/** Every command by its name. */
export const COMMANDS: Readonly<Record<string, Loader>> = Object.fromEntries(
  Object.values(GROUPS)
    .flatMap((group) => Object.entries(group))
    .filter(([name]) => !isPackaged || !CLONE_ONLY.has(name)),
);

const EXAMPLES = `
Examples:
  thimble init my-app
  thimble run                                    (chat with the default model)
  thimble run smollm2-135m-instruct "Name three fruits."
  thimble serve
  thimble pull smollm2-135m-instruct
  thimble import smollm2-135m-instruct --preset edge
  thimble dev
  thimble chat -m smollm2-135m-instruct
  thimble deploy --dry-run

Folders:
  files are kept in the user's cache and data folders (XDG), or all in THIMBLE_HOME
  THIMBLE_DEBUG=1 shows where an error comes from
`;

/** The program with the commands of these names; with all of them unless some are named. */
export async function createProgram(
  names: readonly string[] = Object.keys(COMMANDS),
): Promise<Command> {
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
    .commandsGroup(LAST_GROUP)
    .exitOverride();
  for (const name of names) (await COMMANDS[name]?.())?.register(program);
  for (const command of program.commands)
    command
      .exitOverride()
      .showHelpAfterError('(--help shows the options)')
      .helpGroup(headingOf(command.name()));
  return program;
}

function headingOf(name: string): string {
  const group = Object.entries(GROUPS).find(([, loaders]) => Object.hasOwn(loaders, name));
  return group?.[0] ?? LAST_GROUP;
}
