/** Encoders of speech in this Node process: the same as in the audio script. */
import { compileWasm } from './compile-wasm.ts';
import { build } from '../build/build.ts';
import { builtWasm } from '../lib/paths.ts';
import type { EncoderModules } from '../../worker/audio/speech-encoder.ts';

/** The encoders, built first when they are missing or out of date. */
export async function loadEncoders(): Promise<EncoderModules> {
  await build({ only: 'opus' });
  await build({ only: 'fuel' });
  return { opusEncoder: await compileWasm(builtWasm('fuel', 'audio', 'opus-encoder.wasm')) };
}
