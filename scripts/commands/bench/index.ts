/** `thimble bench`: a command for each thing that is measured, beside peers where there are any. */
import type { Command } from 'commander';
import { FORMER_OPTIONS, registerAll } from './all.ts';
import { registerEncoders } from './encoders.ts';
import { registerKernels } from './kernels.ts';
import { registerOthers } from './others.ts';
import { registerRecognition } from './recognition.ts';
import { registerText } from './text.ts';
import { registerTraining } from './training.ts';
import { registerVoice } from './voice.ts';

const EXAMPLES = `
Examples:
  thimble bench quick                         (a minute: the numbers that change first)
  thimble bench                               (every row of a text model, in workerd and in Node)
  thimble bench peers                         (also in Chromium, llama.cpp native and wllama)
  thimble bench decode --peers --rounds 9
  thimble bench profile                       (which kernel a token's time goes to)
  thimble bench kernels
  thimble bench embeddings --peer-graph all-minilm-l6-v2-int8.onnx
  thimble bench retrieval stories.txt
  thimble bench recognition clips/ --python venv/bin/python
  thimble bench voice
  thimble bench vision --peer-graph efficientnet-lite0-int8.onnx
  thimble bench train --python venv/bin/python

Every command has --help with its options; thimble bench all --help has those of no command.
`;

export function register(program: Command): void {
  const bench = program
    .command('bench')
    .summary('measure speed')
    .description(
      'Measures our engine and others on the same file, each in a process of its own pinned to one ' +
        'core, round by round in alternating order; prints medians with their spread and, as the ' +
        'last line, one JSON object.',
    )
    .addHelpText('after', `${EXAMPLES}${FORMER_OPTIONS}`);
  registerAll(bench);
  registerText(bench);
  registerKernels(bench);
  registerEncoders(bench);
  registerRecognition(bench);
  registerVoice(bench);
  registerTraining(bench);
  registerOthers(bench);
}
