/**
 * `thimble bench` without a command, which is `thimble bench all`: every row of a text model. It also
 * takes the options that were all there was before each bench had a command.
 */
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../../engine/base/errors.ts';
import { DEFAULT_ROUNDS } from './common.ts';
import { runEncoders } from './encoders.ts';
import type { EncoderFlags } from './encoders.ts';
import { runKernels } from './kernels.ts';
import { runRecognition } from './recognition.ts';
import type { RecognitionFlags } from './recognition.ts';
import { addRows, addTextOptions, QUICK_ROUNDS, ROWS_AND_PEERS, runText } from './text.ts';
import type { TextFlags } from './text.ts';

interface AllFlags extends TextFlags, EncoderFlags, RecognitionFlags {
  readonly kernels?: boolean;
  readonly recognition?: boolean;
  readonly speech?: boolean;
  readonly clips?: string;
}

/** Former options, and what does the same now. */
const FORMER: readonly (readonly [flags: string, command: string])[] = [
  ['--quick', 'bench quick'],
  ['--peers', 'bench peers'],
  ['--write-docs', 'bench peers --write-docs'],
  ['--kernels', 'bench kernels'],
  ['--embeddings', 'bench embeddings'],
  ['--peer-graph <file>', 'bench embeddings --peer-graph FILE'],
  ['--retrieval <file>', 'bench retrieval FILE'],
  ['--recognition', 'bench recognition FOLDER'],
  ['--speech', 'bench recognition FOLDER'],
  ['--clips <folder>', 'bench recognition FOLDER'],
  ['--python <file>', 'bench recognition FOLDER --python FILE'],
];

/** For help texts. */
export const FORMER_OPTIONS = `
Former options, still taken without a command:
${FORMER.map(([flags, command]) => `  ${flags.padEnd(20)}thimble ${command}`).join('\n')}
`;

export function registerAll(parent: Command): void {
  const command = parent
    .command('all', { isDefault: true })
    .summary('measure every row of a text model, in workerd and in Node (without a command)')
    .description('Measures every row of a text model, in workerd and in Node.');
  addRows(addTextOptions(command));
  for (const [flags, now] of FORMER)
    command.addOption(new Option(flags, `thimble ${now}`).hideHelp());
  command
    .argument('[command]')
    .usage('[options]')
    .addHelpText('after', `${EXAMPLES}${ROWS_AND_PEERS}${FORMER_OPTIONS}`)
    .action((unknown: string | undefined, flags: AllFlags) => {
      if (unknown === undefined) return runAll(flags);
      const names = parent.commands.map((one) => one.name()).join(', ');
      throw new EngineError(
        'E_USAGE',
        `bench: unknown command ${unknown}; expected one of ${names}. A command comes before its options.`,
      );
    });
}

const EXAMPLES = `
Examples:
  thimble bench
  thimble bench --rows decode-16,prefill-256 --rounds 9
  thimble bench --only node -m stories260k --json
`;

async function runAll(flags: AllFlags): Promise<void> {
  if (flags.kernels === true) return await runKernels(flags);
  if (flags.embeddings === true || flags.retrieval !== undefined) return await runEncoders(flags);
  if (flags.recognition !== true && flags.speech !== true) return await runText(flags);
  const rounds = flags.rounds ?? (flags.quick === true ? QUICK_ROUNDS : DEFAULT_ROUNDS);
  if (flags.clips !== undefined) return await runRecognition(flags.clips, { ...flags, rounds });
  throw new EngineError(
    'E_USAGE',
    `bench: ${flags.speech === true ? '--speech' : '--recognition'} needs recordings: give --clips FOLDER, or use thimble bench recognition FOLDER.`,
  );
}
