/** Commands spoken by a voice of the kit; some combinations of their words are held out. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLE_RATE } from '../../../../engine/audio/log-mel.ts';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import { joinFloats } from '../../../../engine/base/joined.ts';
import { openVoice, type LocalVoice } from '../../../node-host/voice.ts';
import { readImported } from '../../../push/push.ts';
import { writeWhole } from '../../checkpoint.ts';
import type { Recording } from './sound.ts';

const LIGHTS = 'red green blue yellow purple orange'.split(' ');
const THINGS = 'door window box'.split(' ');
/** Every command there is. */
export const COMMANDS: readonly string[] = [
  ...['on', 'off'].flatMap((state) => LIGHTS.map((light) => `turn ${state} the ${light} light`)),
  ...['open', 'close'].flatMap((verb) => THINGS.map((thing) => `${verb} the ${thing}`)),
  ...['left', 'right', 'up', 'down'].map((way) => `go ${way}`),
  ...['play', 'stop'].map((verb) => `${verb} the music`),
];
/** Each word of them is in others, too. */
const HELD_OUT: readonly string[] = [
  ...['turn on the blue light', 'turn off the yellow light', 'open the window', 'close the box'],
];
const SPEEDS = [0.9, 1, 1.15];
const SEED = 1;
const CACHE = 'commands.f32';

/** @param id of an imported voice @param cache folder where what was spoken is kept */
export async function speakCommands(
  id: string,
  modelFolder: string,
  cache: string,
): Promise<{ readonly train: readonly Recording[]; readonly heldOut: readonly Recording[] }> {
  const { manifest } = await readImported(modelFolder, id);
  const wanted = COMMANDS.flatMap((text) => SPEEDS.map((speed) => ({ text, speed })));
  const path = join(cache, CACHE);
  const known = await readCache(path, wanted.length);
  const spoken = known ?? (await speakAll(await openVoice(manifest), wanted));
  if (known === null) await writeWhole(path, encodeAll(spoken));
  const all = wanted.map(({ text }, i) => ({ text, samples: spoken[i]! }));
  return {
    train: all.filter(({ text }) => !HELD_OUT.includes(text)),
    heldOut: all.filter(({ text }) => HELD_OUT.includes(text)),
  };
}

async function speakAll(
  voice: LocalVoice,
  wanted: readonly { readonly text: string; readonly speed: number }[],
): Promise<Float32Array[]> {
  const spoken: Float32Array[] = [];
  for (const request of wanted) {
    const resampler = new Resampler(voice.sampleRate, SAMPLE_RATE);
    const parts: Float32Array[] = [];
    for await (const samples of voice.speak({ ...request, seed: SEED }))
      parts.push(resampler.push(samples));
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
