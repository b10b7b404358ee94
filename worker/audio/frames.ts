/**
 * A decoded recording as a stream of bytes between scripts: frames of a kind, a length and a payload.
 * Samples are mono floats; the first frame is `info`, the last `end` or `error`.
 */
import { EngineError, errorFromRecord } from '../../engine/base/errors.ts';
import type { ErrorRecord } from '../../engine/base/errors.ts';

export interface AudioInfo {
  readonly container: string;
  /** Of the file; samples come at the rate that was asked for. */
  readonly sampleRate: number;
  readonly nChannel: number;
  readonly statedSeconds: number | null;
}
export interface AudioEnd {
  readonly seconds: number;
  /** The file ends before its own header says it does. */
  readonly isTruncated: boolean;
}

export type AudioFrame =
  | { readonly type: 'info'; readonly value: AudioInfo }
  | { readonly type: 'samples'; readonly value: Float32Array }
  | { readonly type: 'end'; readonly value: AudioEnd }
  | { readonly type: 'error'; readonly value: ErrorRecord };

const TYPES = ['info', 'samples', 'end', 'error'] as const;
const HEAD_BYTES = 8;
/** Above what the audio script writes at once. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

export function encodeFrame(frame: AudioFrame): Uint8Array {
  const { type, value } = frame;
  const payload =
    type === 'samples'
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new TextEncoder().encode(JSON.stringify(value));
  const out = new Uint8Array(HEAD_BYTES + payload.length);
  const head = new Uint32Array(out.buffer, 0, 2);
  head[0] = TYPES.indexOf(type);
  head[1] = payload.length;
  out.set(payload, HEAD_BYTES);
  return out;
}

/** @throws {EngineError} what an `error` frame holds; E_BACKEND_UNAVAILABLE for a stream that breaks off. */
export async function* decodeFrames(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<Exclude<AudioFrame, { type: 'error' }>, void, void> {
  let buffer = new Uint8Array(0);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    buffer = joined(buffer, chunk);
    for (;;) {
      const frame = frameOf(buffer);
      if (frame === null) break;
      buffer = buffer.subarray(frame.bytes);
      if (frame.type === 'error') throw errorFromRecord(frame.value);
      yield frame;
      if (frame.type === 'end') return;
    }
  }
  throw new EngineError('E_BACKEND_UNAVAILABLE', 'audio: the decoder broke off. Try again.');
}

function frameOf(buffer: Uint8Array): (AudioFrame & { readonly bytes: number }) | null {
  if (buffer.length < HEAD_BYTES) return null;
  const view = new DataView(buffer.buffer, buffer.byteOffset, HEAD_BYTES);
  const type = TYPES[view.getUint32(0, true)];
  const length = view.getUint32(4, true);
  if (type === undefined || length > MAX_PAYLOAD_BYTES)
    throw new EngineError('E_INTERNAL', `audio: a frame of kind ${type} and ${length} bytes`);
  const bytes = HEAD_BYTES + length;
  if (buffer.length < bytes) return null;
  // A copy: samples have to begin on a multiple of four.
  const payload = buffer.slice(HEAD_BYTES, bytes);
  const value: unknown =
    type === 'samples'
      ? new Float32Array(payload.buffer)
      : JSON.parse(new TextDecoder().decode(payload));
  return { type, value, bytes } as AudioFrame & { bytes: number };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
