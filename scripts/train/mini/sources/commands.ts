/** Commands spoken by a voice of the kit; some combinations of their words are held out. */
import { join } from 'node:path';
import { speak } from './spoken.ts';
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
  const wanted = COMMANDS.flatMap((text) => SPEEDS.map((speed) => ({ text, speed, seed: SEED })));
  const all = await speak(id, modelFolder, wanted, join(cache, CACHE));
  return {
    train: all.filter(({ text }) => !HELD_OUT.includes(text)),
    heldOut: all.filter(({ text }) => HELD_OUT.includes(text)),
  };
}
