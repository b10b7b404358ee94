/** Recordings of the Free Spoken Digit Dataset; two of its speakers are held out. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLE_RATE } from '../../../../engine/audio/log-mel.ts';
import { monoSamples } from '../../../../engine/audio/mono.ts';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import { openWav } from '../../../../engine/audio/wav.ts';
import { joinFloats } from '../../../../engine/base/joined.ts';
import { DIGIT_WORDS, digitOf } from '../../../data/mini/digits.ts';
import { invalidData } from '../../../data/problems.ts';
import { speak } from './spoken.ts';
import type { Recording } from './sound.ts';

const TELEPHONE_RATE = 8000;
/** What the data set's metadata.py says of its speakers; it does not name lucas. */
export const DIGIT_SPEAKERS =
  'the data set calls its speakers male, with accents of the United States (jackson, theo), Belgium (nicolas), Germany ' +
  '(yweweler) and Greece (george), and says nothing of lucas; no woman and no child was measured; how sounds are changed ' +
  'was chosen by what was wrong for the two that are measured';

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
    into.push({ samples, text: digit.transcript, speaker: digit.speaker });
  }
  if (train.length === 0 || heldOut.length === 0)
    throw invalidData(
      `${folder}: has no recordings such as 7_theo_1.wav. Name the folder recordings of the Free Spoken Digit Dataset.`,
    );
  return { train, heldOut };
}

const SPEEDS = [0.8, 0.9, 1, 1.15, 1.3];
/** Not every voice speaks otherwise from another seed. */
const SEEDS = [1, 2, 3, 4];

export interface SpokenDigits {
  readonly recordings: readonly Recording[];
  readonly voices: readonly string[];
  /** Ids of voices that are not imported. */
  readonly missing: readonly string[];
}

/**
 * The same words by voices of the kit where they are imported, which are speakers more to learn from.
 * @param wantedVoices ids @param nEach recordings by each: a speaker of the data set has 500
 * @param models folder of imported models @param cache folder where what was spoken is kept
 */
export async function speakDigits(
  wantedVoices: readonly string[],
  nEach: number,
  models: string,
  cache: string,
): Promise<SpokenDigits> {
  const wanted = DIGIT_WORDS.flatMap((text) =>
    SPEEDS.flatMap((speed) => SEEDS.map((seed) => ({ text, speed, seed }))),
  );
  const isThere = (voice: string): boolean => existsSync(join(models, voice));
  const voices = wantedVoices.filter(isThere);
  const recordings: Recording[] = [];
  for (const voice of voices) {
    const folder = join(models, voice);
    const file = join(cache, `digits-${voice}.f32`);
    const spoken = (await speak(voice, folder, wanted, file)).map(narrowed);
    for (let i = 0; i < nEach; i++) recordings.push(spoken[i % spoken.length]!);
  }
  return { recordings, voices, missing: wantedVoices.filter((voice) => !isThere(voice)) };
}

/** What a telephone leaves of it, which is what the data set's recordings are. */
function narrowed({ text, samples }: Recording): Recording {
  const [down, up] = [
    new Resampler(SAMPLE_RATE, TELEPHONE_RATE),
    new Resampler(TELEPHONE_RATE, SAMPLE_RATE),
  ];
  const low = joinFloats([down.push(samples), down.flush()]);
  return { text, samples: joinFloats([up.push(low), up.flush()]) };
}
