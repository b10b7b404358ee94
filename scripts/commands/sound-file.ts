/** The file that `thimble speak` writes, in the format that its name ends in. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { pcm16, wavHeader } from '../../engine/audio/write-wav.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { openEncoder } from '../../worker/audio/speech-encoder.ts';
import type { Codec } from '../../worker/audio/speech-encoder.ts';
import { asOutputError } from '../lib/disk.ts';
import { loadEncoders } from '../node-host/encoders.ts';

/** Writes a file's bytes as samples come. */
interface SoundWriter {
  write(samples: Float32Array): Promise<void>;
  end(): Promise<void>;
}

/** Codecs by the end of a file's name; every other name is a WAV file. */
const CODECS: Readonly<Record<string, Codec>> = {
  '.mp3': 'mp3',
  '.opus': 'opus',
  '.ogg': 'opus',
  '.flac': 'flac',
};
/** Formats that a WAV file under such a name would not be. */
const NOT_WRITTEN: readonly string[] = ['.aac', '.m4a', '.webm'];

/** @returns null for WAV @throws {EngineError} E_USAGE for a name that ends as a format which is not written */
export function codecOf(path: string): Codec | null {
  const end = extname(path).toLowerCase();
  if (!NOT_WRITTEN.includes(end)) return CODECS[end] ?? null;
  throw new EngineError(
    'E_USAGE',
    `speak: expected a file that ends in .wav, .mp3, .opus, .ogg or .flac, got ${JSON.stringify(path)}. ` +
      'Name one of these; other programs convert them.',
  );
}

/**
 * A text that cannot be spoken leaves no file.
 * @param codec null for WAV
 * @returns samples written
 */
export async function writeSoundFile(
  path: string,
  codec: Codec | null,
  sampleRate: number,
  samples: AsyncIterable<Float32Array>,
): Promise<number> {
  const iterator = samples[Symbol.asyncIterator]();
  let next = await iterator.next();
  let nSample = 0;
  try {
    await using file = await open(path, 'w');
    const writer =
      codec === null
        ? await wavWriter(file, sampleRate)
        : await encodedWriter(file, codec, sampleRate);
    for (; next.done !== true; next = await iterator.next()) {
      await writer.write(next.value);
      nSample += next.value.length;
    }
    await writer.end();
  } catch (error) {
    throw asOutputError(error, path, 'speak');
  }
  return nSample;
}

async function wavWriter(file: FileHandle, sampleRate: number): Promise<SoundWriter> {
  let nSample = 0;
  await file.write(wavHeader(sampleRate, 0));
  return {
    async write(samples) {
      await file.write(pcm16(samples));
      nSample += samples.length;
    },
    async end() {
      await file.write(wavHeader(sampleRate, nSample), 0, undefined, 0);
    },
  };
}

async function encodedWriter(
  file: FileHandle,
  codec: Codec,
  sampleRate: number,
): Promise<SoundWriter> {
  const encoder = await openEncoder(codec, sampleRate, await loadEncoders());
  const writeAll = async (pieces: readonly Uint8Array[]) => {
    for (const piece of pieces) await file.write(piece);
  };
  return {
    write: (samples) => writeAll(encoder.push(samples)),
    end: () => writeAll(encoder.flush()),
  };
}
