/**
 * `npm start`, after the packages: build, pull, import, push, serve. When no source of the default
 * model answers, the first of the fallbacks that can be had is served instead: the last of them is part of the
 * project, so that a first answer always comes.
 */
import { Command } from 'commander';
import { runMain } from '../lib/run-command.ts';
import { obtainDefaultModel } from '../dev/default-model.ts';
import { addServeOptions } from '../dev/options.ts';
import type { ServeFlags } from '../dev/options.ts';
import { prepareToServe, serve } from '../dev/serve.ts';

async function start(flags: ServeFlags): Promise<void> {
  await serve(await prepareToServe(flags, () => obtainDefaultModel('Serving')));
}

const program = new Command('npm start --')
  .description('Builds, pulls and imports the default model, and serves it.')
  .addHelpText(
    'after',
    '\nExamples:\n  npm start\n  npm start -- --port 9000\n  npm start -- --isolates auto --also all-minilm-l6-v2\n  npm start -- --memory 2GB\n',
  );
addServeOptions(program).action(start);
await runMain(async () => {
  await program.parseAsync();
});
