/**
 * Runs in an AudioWorkletGlobalScope: passes the microphone's samples on as 16-bit integers.
 * https://webaudio.github.io/web-audio-api/#AudioWorkletProcessor
 */

/** What that scope has and the library of types leaves out. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & {
    process(inputs: readonly (readonly Float32Array[])[]): boolean;
  },
): void;

registerProcessor(
  'pcm',
  class extends AudioWorkletProcessor {
    /** @param inputs channels of each input, 128 samples a channel; no channel while nothing comes */
    process([input]: readonly (readonly Float32Array[])[]): boolean {
      const samples = input?.[0];
      if (samples !== undefined)
        this.port.postMessage(
          Int16Array.from(samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32_767),
        );
      return true;
    }
  },
);
