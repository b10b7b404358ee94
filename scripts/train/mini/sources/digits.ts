/** Recordings of the Free Spoken Digit Dataset; two of its speakers are held out. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLE_RATE } from '../../../../engine/audio/log-mel.ts';
import { monoSamples } from '../../../../engine/audio/mono.ts';
import { openWav } from '../../../../engine/audio/wav.ts';
import { joinFloats } from '../../../../engine/base/joined.ts';
import { digitOf } from '../../../data/mini/digits.ts';
import { invalidData } from '../../../data/problems.ts';
import type { Recording } from './sound.ts';

/** @throws {EngineError} E_DATA_INVALID for a folder without any, E_AUDIO_INVALID */
export async function readDigits(
  folder: string,
): Promise<{ readonly train: readonly Recording[]; readonly heldOut: readonly Recording[] }> {
  const train: Recording[] = [];
  const heldOut: Recording[] = [];
  for (const name of (await readdir(folder)).toSorted()) {
    const digit = digitOf(name);
    if (digit === null) continue;
    const reader = openWav(await readFile(join(folder, name)));
    const samples = joinFloats([...monoSamples(reader, SAMPLE_RATE)]);
    const into = digit.split === 'held_out' ? heldOut : train;
    into.push({ samples, text: digit.transcript });
  }
  if (train.length === 0 || heldOut.length === 0)
    throw invalidData(
      `${folder}: has no recordings such as 7_theo_1.wav. Name the folder recordings of the Free Spoken Digit Dataset.`,
    );
  return { train, heldOut };
}
