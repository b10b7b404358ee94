/** `thimble bench embeddings` and `thimble bench retrieval`. */
import type { Command } from 'commander';
import { DEFAULT_ENCODER_ID } from '../../pull/catalogue.ts';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS } from './common.ts';

export interface EncoderFlags {
  readonly model?: string;
  readonly embeddings?: boolean;
  readonly retrieval?: string;
  readonly peerGraph?: string;
  readonly rounds?: number;
  readonly json?: boolean;
}

const MODEL_OPTION = [
  '-m, --model <id>',
  `an embedding model (default: ${DEFAULT_ENCODER_ID})`,
] as const;

export function registerEncoders(parent: Command): void {
  const embeddings = benchCommand(
    parent,
    'embeddings',
    'measure an embedding model, in Node and in workerd',
    ['embeddings', 'embeddings --peer-graph all-minilm-l6-v2-int8.onnx'],
  )
    .option(...MODEL_OPTION)
    .option('--peer-graph <file>', 'an ONNX graph of the model: also onnxruntime-web');
  addJson(addRounds(embeddings)).action((flags: EncoderFlags) =>
    runEncoders({ ...flags, embeddings: true }),
  );
  const retrieval = benchCommand(
    parent,
    'retrieval',
    'measure a collection of the sentences of a text, in workerd',
    ['retrieval stories.txt      (10,000 sentences at most)'],
  )
    .argument('<file>', 'a UTF-8 text of at least 400 sentences')
    .option(...MODEL_OPTION);
  addJson(retrieval).action((file: string, flags: EncoderFlags) =>
    runEncoders({ ...flags, retrieval: file }),
  );
}

export async function runEncoders(flags: EncoderFlags): Promise<void> {
  const { runEncoderBenches } = await import('../../bench/workloads/encoder-benches.ts');
  await runEncoderBenches({ ...flags, rounds: flags.rounds ?? DEFAULT_ROUNDS });
}
