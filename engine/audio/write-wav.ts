/** Samples as 16-bit PCM, and the WAV header before them. */

const HEADER_BYTES = 44;
/** The size of a file whose length is not known yet. */
const UNKNOWN_SIZE = 0xffff_ffff;

/** Samples within [-1, 1] as little-endian 16-bit integers; louder ones are clipped. */
export function pcm16(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * samples.length);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, i) => {
    const scaled = Math.round(sample * 32_768);
    view.setInt16(2 * i, Math.max(-32_768, Math.min(32_767, scaled)), true);
  });
  return bytes;
}

/** @param nSample null when it is not known yet: readers then read to the end of the file. */
export function wavHeader(sampleRate: number, nSample: number | null): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const tag = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  const dataBytes = nSample === null ? UNKNOWN_SIZE : 2 * nSample;
  tag(0, 'RIFF');
  view.setUint32(4, nSample === null ? UNKNOWN_SIZE : dataBytes + HEADER_BYTES - 8, true);
  tag(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  tag(36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}
