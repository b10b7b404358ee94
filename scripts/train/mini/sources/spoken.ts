/** Texts spoken by a voice of the kit, kept in a file: speaking takes longer than all that is done with it. */
import { readFile } from 'node:fs/promises';
import { SAMPLE_RATE } from '../../../../engine/audio/log-mel.ts';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import { joinFloats } from '../../../../engine/base/joined.ts';
import { openVoice, type LocalVoice } from '../../../node-host/voice.ts';
import { readImported } from '../../../push/push.ts';
import { writeWhole } from '../../checkpoint.ts';
import type { Recording } from './sound.ts';

export interface Spoken {
  readonly text: string;
  readonly speed: number;
  readonly seed: number;
}

/** @param id of an imported voice @param cache file where what was spoken is kept */
export async function speak(
  id: string,
  modelFolder: string,
  wanted: readonly Spoken[],
  cache: string,
): Promise<Recording[]> {
  const { manifest } = await readImported(modelFolder, id);
  const known = await readCache(cache, wanted.length);
  const spoken = known ?? (await speakAll(await openVoice(manifest), wanted));
  if (known === null) await writeWhole(cache, encodeAll(spoken));
  return wanted.map(({ text }, i) => ({ text, samples: spoken[i]! }));
}

async function speakAll(voice: LocalVoice, wanted: readonly Spoken[]): Promise<Float32Array[]> {
  const spoken: Float32Array[] = [];
  for (const request of wanted) {
    const resampler = new Resampler(voice.sampleRate, SAMPLE_RATE);
    const parts: Float32Array[] = [];
    for await (const samples of voice.speak(request)) parts.push(resampler.push(samples));
    spoken.push(joinFloats([...parts, resampler.flush()]));
  }
  return spoken;
}

/** Lengths, then samples. */
function encodeAll(spoken: readonly Float32Array[]): Uint8Array {
  const lengths = Float32Array.from(spoken, ({ length }) => length);
  const all = joinFloats([lengths, ...spoken]);
  return new Uint8Array(all.buffer, all.byteOffset, all.byteLength);
}

async function readCache(path: string, n: number): Promise<Float32Array[] | null> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return null;
  const all = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  );
  const lengths = all.subarray(0, n);
  if (all.length !== lengths.reduce((sum, length) => sum + length, n)) return null;
  let at = n;
  return [...lengths].map((length) => all.slice(at, (at += length)));
}
