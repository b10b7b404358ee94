/** What is in a recording, counted as it is decoded. */
import { SAMPLE_RATE } from '../../../engine/transcribe/types.ts';
import type { DecoderModules } from '../../../worker/audio/open-audio.ts';
import { LocalSound } from '../../node-host/sound.ts';
import { readRecording } from './files.ts';

/** Samples whose level is measured at once: a tenth of a second. */
const WINDOW = SAMPLE_RATE / 10;
/** Root mean square of a window that is silent is less: -50 dB of full scale. */
export const SILENT_DECIBELS = -50;
const SILENT_LEVEL = 10 ** (SILENT_DECIBELS / 20);

export interface SoundFacts {
  readonly container: string;
  /** Of the file, in Hz. */
  readonly sampleRate: number;
  readonly nChannel: number;
  readonly seconds: number;
  readonly silentSeconds: number;
}

/** @throws {EngineError} E_AUDIO_INVALID */
export async function soundFacts(path: string, decoders: DecoderModules): Promise<SoundFacts> {
  const sound = new LocalSound(await readRecording(path), decoders);
  const level = new LevelMeter();
  for await (const samples of sound) level.add(samples);
  const { container = '', sampleRate = 0, nChannel = 0 } = sound.info ?? {};
  return { container, sampleRate, nChannel, ...level.seconds() };
}

/** How long a recording is, and how much of it is silent. */
export class LevelMeter {
  #nSample = 0;
  #nSilent = 0;
  #sum = 0;
  #inWindow = 0;

  add(samples: Float32Array): void {
    for (const sample of samples) {
      this.#sum += sample * sample;
      this.#inWindow++;
      if (this.#inWindow === WINDOW) this.#endWindow();
    }
  }

  /** Ends the last window, too. */
  seconds(): { readonly seconds: number; readonly silentSeconds: number } {
    this.#endWindow();
    return { seconds: this.#nSample / SAMPLE_RATE, silentSeconds: this.#nSilent / SAMPLE_RATE };
  }

  #endWindow(): void {
    const isSilent = this.#sum < SILENT_LEVEL ** 2 * this.#inWindow;
    this.#nSample += this.#inWindow;
    if (isSilent) this.#nSilent += this.#inWindow;
    this.#sum = 0;
    this.#inWindow = 0;
  }
}
