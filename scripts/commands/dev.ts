/** `thimble dev`: serves imported models locally, as they will be served when deployed. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { obtainDefaultModel } from '../dev/default-model.ts';
import { addServeOptions } from '../dev/options.ts';
import { listImported, obtainTextModel } from '../dev/prepare.ts';
import { prepareToServe, serve } from '../dev/serve.ts';
import type { PrepareFlags } from '../dev/serve.ts';
import { DEFAULT_MODEL_ID, FALLBACK_MODEL_IDS } from '../pull/catalogue.ts';

const EXAMPLES = `
Examples:
  thimble dev
  thimble dev --port 9000 --model stories260k
  thimble dev --also all-minilm-l6-v2 whisper-tiny.en
  thimble dev --isolates auto                    (as many isolates as the models need)
  thimble dev --memory 2GB                       (a large model in one isolate; deployed it takes several)
  thimble dev --host 0.0.0.0                     (others on the network can reach it)

A model that is pushed while it runs (thimble push ID, in another terminal) is served within seconds.
`;

export function register(program: Command): void {
  const command = program
    .command('dev')
    .summary('serve on this machine as a deployment would')
    .description(
      'Serves with the very bundles that deploy, in workerd, with local R2 and Durable Objects that ' +
        'persist between runs. A model of the catalogue is pulled and imported when it is missing.',
    );
  addServeOptions(command)
    .option('--draft <id>', 'a smaller model of the same tokenizer that guesses ahead')
    .addHelpText('after', EXAMPLES)
    .action(runDev);
}

export async function runDev(flags: PrepareFlags): Promise<void> {
  await serve(await prepareToServe(flags, chooseModel));
}

/**
 * The default model or what comes after it, whichever was imported; else the only other one; with none at all, what can be had.
 * @throws {EngineError} E_USAGE for several
 */
async function chooseModel(): Promise<DecoderManifest> {
  const ids = await listImported('decoder');
  const usual = [DEFAULT_MODEL_ID, ...FALLBACK_MODEL_IDS].find((known) => ids.includes(known));
  const id = usual ?? ids[0];
  if (ids.length > 1 && usual === undefined) {
    throw new EngineError(
      'E_USAGE',
      `dev: several models are imported; expected --model with one of ${ids.join(', ')}.`,
      { details: { ids } },
    );
  }
  if (id !== undefined) return await obtainTextModel(id);
  process.stderr.write(`no model is imported yet: taking ${DEFAULT_MODEL_ID}\n`);
  return await obtainDefaultModel('Serving');
}
