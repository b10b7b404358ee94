/** `thimble bench recognition`. */
import process from 'node:process';
import type { Command } from 'commander';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { build } from '../../build/build.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { withTemporaryFolder } from '../../lib/temporary-folder.ts';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS, note, printResult } from './common.ts';

const DEFAULT_RECOGNISER_ID = 'whisper-tiny.en';

export interface RecognitionFlags {
  readonly model?: string;
  readonly only?: readonly string[];
  readonly python?: string;
  readonly rounds?: number;
  readonly json?: boolean;
}

export function registerRecognition(parent: Command): void {
  const command = benchCommand(
    parent,
    'recognition',
    'measure how long the recordings of a folder take to be transcribed',
    [
      'recognition clips/',
      'recognition clips/ -m whisper-base --python venv/bin/python      (beside faster-whisper)',
    ],
  )
    .argument('<folder>', '.wav files (mono, 16 bits, 16 kHz), what is said in a .txt beside each')
    .option('-m, --model <id>', `a recognition model (default: ${DEFAULT_RECOGNISER_ID})`)
    .option('--only <names...>', 'workerd, node, faster-whisper-int8, faster-whisper-float32')
    .option('--python <file>', 'a Python that has faster-whisper (or THIMBLE_PYTHON)');
  addJson(addRounds(command)).action(runRecognition);
}

export async function runRecognition(folder: string, flags: RecognitionFlags): Promise<void> {
  const { benchRecognition, chooseRecognitionPeers, describeRecognition, readClips } =
    await import('../../bench/workloads/recognition.ts');
  const modelId = flags.model ?? DEFAULT_RECOGNISER_ID;
  const peers = chooseRecognitionPeers(flags.only);
  const clips = await readClips(folder);
  await build();
  requireKind(await obtainModel(modelId), 'recognition');
  await withTemporaryFolder('bench', async (persist) => {
    const result = await benchRecognition({
      ...{ modelId, persist, clips, peers },
      language: 'en',
      python: flags.python ?? process.env['THIMBLE_PYTHON'] ?? null,
      rounds: flags.rounds ?? DEFAULT_ROUNDS,
      onNote: note,
    });
    printResult(result, `${describeRecognition(result)}\n`, flags.json);
  });
}
