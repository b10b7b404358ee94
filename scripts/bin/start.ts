/**
 * `npm start`, after the packages: build, pull, import, push, serve. When no source of the default
 * model answers, the embedded stories260K is served instead, so that a first answer always comes.
 */
import process from 'node:process';
import { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { runMain } from '../lib/run-command.ts';
import { DEFAULT_MODEL_ID, EMBEDDED_MODEL_ID } from '../pull/catalogue.ts';
import { addServeOptions } from '../dev/options.ts';
import type { ServeFlags } from '../dev/options.ts';
import { obtainTextModel } from '../dev/prepare.ts';
import { prepareToServe, serve } from '../dev/serve.ts';

async function start(flags: ServeFlags): Promise<void> {
  await serve(await prepareToServe(flags, obtainDefaultModel));
}

async function obtainDefaultModel(): Promise<DecoderManifest> {
  try {
    return await obtainTextModel(DEFAULT_MODEL_ID);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_SOURCE_UNAVAILABLE') throw error;
    process.stderr.write(`\n${error.message}\n\nServing the embedded stories260K instead.\n\n`);
    return await obtainTextModel(EMBEDDED_MODEL_ID);
  }
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
