/** `thimble serve`: `thimble dev` with what suits a machine of one's own instead of an isolate of the platform. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { addServeOptions } from '../dev/options.ts';
import type { PrepareFlags } from '../dev/serve.ts';
import { runDev } from './dev.ts';

/** One isolate holds any small model whole, with its cache; a larger one takes several. */
const SERVE_DEFAULTS = { memory: 2_000_000_000, isolates: 'auto' } as const;

const EXAMPLES = `
Examples:
  thimble serve
  thimble serve smollm2-135m-instruct --port 9000
  thimble serve --also all-minilm-l6-v2 whisper-tiny.en
  thimble serve --host 0.0.0.0 --keys            (others on the network, with a key)

It is thimble dev with --memory 2GB and --isolates auto: models lie in one isolate where they can, and answer
faster. thimble dev serves as a deployment would.
`;

export function register(program: Command): void {
  const command = program
    .command('serve [model]')
    .summary('serve models on this machine, with its memory')
    .description(
      'Serves an OpenAI-compatible API at http://127.0.0.1:8787/v1. A model of the catalogue is pulled and imported when it is missing.',
    );
  addServeOptions(command)
    .option('--draft <id>', 'a smaller model of the same tokenizer that guesses ahead')
    .addHelpText('after', EXAMPLES)
    .action(async (model: string | undefined, flags: PrepareFlags) => {
      if (model !== undefined && flags.model !== undefined && model !== flags.model)
        throw new InvalidArgumentError(`Expected one model, got ${model} and ${flags.model}.`);
      const named = model ?? flags.model;
      await runDev({
        ...SERVE_DEFAULTS,
        ...flags,
        ...(named === undefined ? {} : { model: named }),
      });
    });
}
