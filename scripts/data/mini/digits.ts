/**
 * Spoken digits (Free Spoken Digit Dataset) as Whisper's log-mel frames: 16 kHz, 80 bands, 10 ms. Some speakers are
 * held out, so that a model is measured on voices that it has never heard.
 */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { joinFloats } from '../../../engine/base/joined.ts';
import { HOP_SAMPLES, LogMel, SAMPLE_RATE } from '../../../engine/audio/log-mel.ts';
import { monoSamples } from '../../../engine/audio/mono.ts';
import { openWav } from '../../../engine/audio/wav.ts';
import { throwIfCut } from '../readers/pieces.ts';
import { invalidData } from '../problems.ts';

export const N_MELS = 80;
const HELD_OUT_SPEAKERS: readonly string[] = ['theo', 'yweweler'];
const NAME = /^(\d)_([a-z]+)_(\d+)\.wav$/;
export const DIGIT_WORDS = 'zero one two three four five six seven eight nine'.split(' ');
const FRAMES_FILE = 'frames.f32';

export interface Digit {
  readonly recording: string;
  readonly transcript: string;
  readonly speaker: string;
  readonly split: 'train' | 'held_out';
  /** First frame of the recording in FRAMES_FILE, [frames, 80] little-endian f32, and how many it has. */
  readonly first_frame: number;
  readonly frames: number;
}

/** What a recording's name says; null for other files. */
export function digitOf(
  name: string,
): Pick<Digit, 'recording' | 'transcript' | 'speaker' | 'split'> | null {
  const [, digit, speaker] = NAME.exec(name) ?? [];
  if (digit === undefined || speaker === undefined) return null;
  const split = HELD_OUT_SPEAKERS.includes(speaker) ? 'held_out' : 'train';
  return { recording: name, transcript: DIGIT_WORDS[Number(digit)]!, speaker, split };
}

/** Features of a recording, [frames, 80]. @throws {EngineError} E_AUDIO_INVALID */
export function digitFrames(wav: Uint8Array, mel: LogMel): Float32Array {
  const samples = joinFloats([...monoSamples(openWav(wav), SAMPLE_RATE)]);
  const nFrame = Math.ceil(samples.length / HOP_SAMPLES);
  const out = new Float32Array(nFrame * mel.nMels);
  mel.fill(samples, nFrame, out);
  return out;
}

/** Writes FRAMES_FILE into `folder`; its recordings in the order of their names. @throws {EngineError} E_DATA_INVALID for a folder without any */
export async function writeDigits(
  source: string,
  folder: string,
  signal: AbortSignal,
): Promise<Digit[]> {
  const found = (await readdir(source).catch((): string[] => []))
    .toSorted()
    .flatMap((name) => digitOf(name) ?? []);
  if (found.length === 0)
    throw invalidData(
      `${source}: has no recordings such as 7_theo_1.wav. Name the folder recordings of the Free Spoken Digit Dataset.`,
    );
  const mel = new LogMel(N_MELS);
  const digits: Digit[] = [];
  let nFrame = 0;
  const file = await open(join(folder, FRAMES_FILE), 'w');
  try {
    for (const digit of found) {
      throwIfCut(signal);
      const frames = digitFrames(await readFile(join(source, digit.recording)), mel);
      await file.write(new Uint8Array(frames.buffer, frames.byteOffset, frames.byteLength));
      const n = frames.length / N_MELS;
      digits.push({ ...digit, first_frame: nFrame, frames: n });
      nFrame += n;
    }
  } finally {
    await file.close();
  }
  return digits;
}
