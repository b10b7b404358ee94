/**
 * Speech as bytes between scripts: frames of a type, a length and a payload. A stream cannot say what
 * went wrong otherwise, and its chunks may be cut anywhere.
 */
import { EngineError, errorFromRecord, errorToRecord } from '../engine/base/errors.ts';
import type { ErrorRecord } from '../engine/base/errors.ts';

/** JSON `{sampleRate}`; little-endian float32 samples; JSON of an error; nothing. */
const TYPES = { start: 0, samples: 1, error: 2, end: 3 } as const;
const HEADER_BYTES = 5;
/** A window of the vocoder is a thirtieth of it. */
const MAX_FRAME_BYTES = 1024 * 1024;

export interface SpeechStart {
  readonly sampleRate: number;
}

export type SpeechFrame =
  | ({ readonly type: 'start' } & SpeechStart)
  | { readonly type: 'samples'; readonly samples: Float32Array };

function frame(type: keyof typeof TYPES, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + payload.length);
  out[0] = TYPES[type];
  new DataView(out.buffer).setUint32(1, payload.length, true);
  out.set(payload, HEADER_BYTES);
  return out;
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A turn of the event loop, and time for the bytes to go through the gateway. */
const SEND_MS = 2;

/**
 * What `speak` gives as a stream of frames; its errors become a frame. Samples are made when they are
 * asked for, and no more once nobody listens.
 */
export function speechStream(
  start: () => Promise<SpeechStart & { samples: AsyncGenerator<Float32Array, void, void> }>,
  release: () => void,
): ReadableStream<Uint8Array> {
  let samples: AsyncGenerator<Float32Array, void, void> | null = null;
  const next = async (): Promise<{ bytes: Uint8Array; isLast: boolean }> => {
    try {
      if (samples === null) {
        const { sampleRate, samples: made } = await start();
        samples = made;
        return { bytes: frame('start', json({ sampleRate })), isLast: false };
      }
      const { value, done } = await samples.next();
      if (done === true) return { bytes: frame('end', new Uint8Array(0)), isLast: true };
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return { bytes: frame('samples', bytes), isLast: false };
    } catch (error) {
      return { bytes: frame('error', json(errorToRecord(error))), isLast: true };
    }
  };
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller: ReadableByteStreamController) {
      // What was made last leaves the isolate before the next window takes its thread.
      if (samples !== null) await scheduler.wait(SEND_MS);
      const { bytes, isLast } = await next();
      controller.enqueue(bytes);
      if (!isLast) return;
      controller.close();
      release();
    },
    async cancel() {
      await samples?.return();
      release();
    },
  };
  return new ReadableStream(source);
}

/** @throws {EngineError} what the stream tells; E_BACKEND_UNAVAILABLE when it breaks off. */
export async function* readSpeech(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<SpeechFrame, void, void> {
  const reader = stream.getReader();
  try {
    const bytes = new ByteQueue(reader);
    for (;;) {
      const header = await bytes.take(HEADER_BYTES);
      const length = new DataView(header.buffer).getUint32(1, true);
      if (length > MAX_FRAME_BYTES) throw brokenOff(`a frame of ${length} bytes`);
      const payload = await bytes.take(length);
      const type = header[0];
      if (type === TYPES.end) return;
      if (type === TYPES.samples)
        yield { type: 'samples', samples: new Float32Array(payload.buffer) };
      else {
        const value: unknown = JSON.parse(new TextDecoder().decode(payload));
        if (type === TYPES.error) throw errorFromRecord(value as ErrorRecord);
        yield { type: 'start', ...(value as SpeechStart) };
      }
    }
  } finally {
    // The reason has no reader: the other side only needs to know that nobody listens.
    await reader.cancel().catch(() => undefined);
  }
}

class ByteQueue {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private chunk = new Uint8Array(0);

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.reader = reader;
  }

  /** The next bytes, in an array of their own. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      if (this.chunk.length === 0) {
        const { value, done: isOver } = await this.reader.read().catch((error: unknown) => {
          throw brokenOff(String(error));
        });
        if (isOver) throw brokenOff('it ended early');
        this.chunk = new Uint8Array(value);
      }
      const part = this.chunk.subarray(0, length - done);
      out.set(part, done);
      this.chunk = this.chunk.subarray(part.length);
      done += part.length;
    }
    return out;
  }
}

function brokenOff(what: string): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `speech: broke off (${what}). Try again.`);
}
