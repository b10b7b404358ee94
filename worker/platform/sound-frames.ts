/**
 * Sound as bytes between scripts: frames of a type, a length and a payload. A bare stream could not say what
 * went wrong, and its chunks may be cut anywhere. Samples are mono float32; sound that is encoded already is
 * bytes. What the first frame and the last say about it is up to the scripts.
 */
import { EngineError, errorFromRecord } from '../../engine/base/errors.ts';
import type { ErrorRecord } from '../../engine/base/errors.ts';
import { reportFailure } from './failure.ts';
import type { Place } from './failure.ts';

export type SoundFrame<Start, End> =
  | { readonly type: 'start'; readonly value: Start }
  | { readonly type: 'samples'; readonly value: Float32Array }
  | { readonly type: 'end'; readonly value: End };

/** Frames of a file that is made piece by piece. */
export type EncodedFrame<Start, End> =
  | Exclude<SoundFrame<Start, End>, { readonly type: 'samples' }>
  | { readonly type: 'bytes'; readonly value: Uint8Array<ArrayBuffer> };

type AnyFrame<Start, End> = SoundFrame<Start, End> | EncodedFrame<Start, End>;
type WrittenFrame =
  AnyFrame<unknown, unknown> | { readonly type: 'error'; readonly value: ErrorRecord };

/** Frame types by number. Payloads: JSON, little-endian float32 samples, JSON, JSON of an ErrorRecord, bytes. */
const TYPES = ['start', 'samples', 'end', 'error', 'bytes'] as const;
const HEADER_BYTES = 5;

/**
 * A stream that makes frames as they are read; a failure becomes the last of them.
 * @param onEnd called once, when the last frame is out or the reader has cancelled
 */
export function soundStream<Start, End>(
  frames: AsyncGenerator<AnyFrame<Start, End>, void, void>,
  onEnd: () => void,
  place: Place,
): ReadableStream<Uint8Array> {
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      const frame = await nextFrame(frames, place);
      controller.enqueue(frameBytes(frame));
      if (frame.type !== 'end' && frame.type !== 'error') return;
      controller.close();
      onEnd();
    },
    async cancel() {
      await frames.return();
      onEnd();
    },
  };
  return new ReadableStream(source);
}

async function nextFrame<Start, End>(
  frames: AsyncGenerator<AnyFrame<Start, End>, void, void>,
  place: Place,
): Promise<WrittenFrame> {
  try {
    const { value, done } = await frames.next();
    if (done !== true) return value;
    throw new EngineError('E_INTERNAL', 'sound: the frames ended without an "end" frame');
  } catch (error) {
    return { type: 'error', value: reportFailure(error, place) };
  }
}

function frameBytes(frame: WrittenFrame): Uint8Array {
  const payload = payloadOf(frame);
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  out[0] = TYPES.indexOf(frame.type);
  new DataView(out.buffer).setUint32(1, payload.length, true);
  out.set(payload, HEADER_BYTES);
  return out;
}

/**
 * @param where what makes the sound, for messages
 * @param maxFrameBytes limit of one frame; more than the writer ever writes at once
 * @throws {EngineError} the error that the stream reports; E_BACKEND_UNAVAILABLE when it breaks off.
 */
export async function* readSound<Frame extends AnyFrame<unknown, unknown>>(
  stream: ReadableStream<Uint8Array>,
  where: string,
  maxFrameBytes: number,
): AsyncGenerator<Frame, void, void> {
  const reader = stream.getReader();
  try {
    const bytes = new ByteQueue(reader, where);
    for (;;) {
      const frame = await readFrame(bytes, where, maxFrameBytes);
      if (frame.type === 'error') throw errorFromRecord(frame.value);
      yield frame as Frame;
      if (frame.type === 'end') return;
    }
  } finally {
    // Without a reason: the other side only needs to know that nobody reads any more.
    await reader.cancel().catch(() => undefined);
  }
}

async function readFrame(
  bytes: ByteQueue,
  where: string,
  maxFrameBytes: number,
): Promise<WrittenFrame> {
  const header = await bytes.take(HEADER_BYTES);
  const type = TYPES[header[0]!];
  const length = new DataView(header.buffer).getUint32(1, true);
  if (type === undefined || length > maxFrameBytes)
    throw brokenOff(where, `a frame of kind ${header[0]} and ${length} bytes`);
  const payload = await bytes.take(length);
  return { type, value: valueOf(type, payload) } as WrittenFrame;
}

function payloadOf({ type, value }: WrittenFrame): Uint8Array {
  if (type === 'bytes') return value;
  if (type === 'samples') return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new TextEncoder().encode(JSON.stringify(value));
}

function valueOf(type: WrittenFrame['type'], payload: Uint8Array<ArrayBuffer>): unknown {
  if (type === 'bytes') return payload;
  if (type === 'samples') return new Float32Array(payload.buffer);
  return JSON.parse(new TextDecoder().decode(payload));
}

class ByteQueue {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #where: string;
  #chunk = new Uint8Array(0);

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, where: string) {
    this.#reader = reader;
    this.#where = where;
  }

  /** The next bytes, in an array of their own. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      if (this.#chunk.length === 0) {
        const { value, done: isOver } = await this.#reader.read().catch((error: unknown) => {
          throw brokenOff(this.#where, 'its script failed', error);
        });
        if (isOver) throw brokenOff(this.#where, 'it ended early');
        this.#chunk = new Uint8Array(value);
      }
      const part = this.#chunk.subarray(0, length - done);
      out.set(part, done);
      this.#chunk = this.#chunk.subarray(part.length);
      done += part.length;
    }
    return out;
  }
}

function brokenOff(where: string, what: string, cause?: unknown): EngineError {
  const message = `${where}: broke off (${what}). Try again.`;
  return new EngineError('E_BACKEND_UNAVAILABLE', message, { cause });
}
