/** One microphone on a WebSocket: PCM and commands in JSON come in, events go out. */
import { NO_REQUEST } from '../../../platform/failure.ts';
import type { Place } from '../../../platform/failure.ts';
import { z } from 'zod';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import type { EngineError } from '../../../../engine/base/errors.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import { SAMPLE_RATE } from '../../../../engine/transcribe/types.ts';
import type { LiveTranscriber } from '../../../../engine/transcribe/live/live-transcriber.ts';
import { errorBody, recordForClient } from '../../../http/error-response.ts';
import { checkBody } from '../../../http/body/json-body.ts';

/** RFC 6455: normal end, policy violation. */
const CLOSE_NORMAL = 1000;
const CLOSE_POLICY = 1008;
/** A microphone sends many times a second; a client that sends nothing for this long is gone. */
export const IDLE_TIMEOUT_MS = 60_000;
/** Ten seconds at the highest sample rate. */
export const MAX_MESSAGE_BYTES = 1_920_000;

export const liveMessageSchema = z
  .union([
    z.object({ type: z.literal('commit') }).describe('make the current speech final'),
    z.object({ type: z.literal('end') }).describe('the end of the audio'),
  ])
  .meta({ id: 'LiveTranscriptionMessage' });

export interface LiveSocketOptions {
  readonly send: (text: string) => void;
  readonly close: (code: number, reason: string) => void;
  /** Aborts the work for this socket. */
  readonly abort: () => void;
  readonly sampleRate: number;
  /** Where failures are reported to have happened. */
  readonly place?: Place;
}

export class LiveSocket {
  readonly #options: LiveSocketOptions;
  readonly #transcriber: LiveTranscriber;
  readonly #resampler: Resampler | null;
  /** First byte of a sample, when a message ends after it. */
  #oddByte: number | null = null;
  #isClosed = false;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveSocketOptions, transcriber: LiveTranscriber) {
    this.#options = options;
    this.#transcriber = transcriber;
    const { sampleRate } = options;
    this.#resampler = sampleRate === SAMPLE_RATE ? null : new Resampler(sampleRate, SAMPLE_RATE);
  }

  /** Runs until the last text has been sent, or something fails. */
  async run(): Promise<void> {
    this.#watchIdle();
    try {
      await this.#transcriber.run();
      this.#close(CLOSE_NORMAL, 'done');
    } catch (error) {
      this.#fail(error);
    }
  }

  receive(data: string | ArrayBuffer): void {
    if (this.#isClosed) return;
    this.#watchIdle();
    try {
      if (typeof data === 'string') this.#command(data);
      else this.#samples(new Uint8Array(data));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Called when the client has left. */
  leave(): void {
    this.#isClosed = true;
    clearTimeout(this.#idleTimer);
    this.#options.abort();
    this.#transcriber.end();
  }

  send(event: unknown): void {
    if (!this.#isClosed) this.#options.send(JSON.stringify(event));
  }

  #command(text: string): void {
    const message = checkBody(parse(text), liveMessageSchema);
    if (message.type === 'commit') this.#transcriber.commit();
    else {
      const rest = this.#resampler?.flush();
      if (rest !== undefined && rest.length > 0) this.#transcriber.push(rest);
      this.#transcriber.end();
    }
  }

  #samples(bytes: Uint8Array): void {
    if (bytes.length > MAX_MESSAGE_BYTES)
      throw invalid(`a message of ${bytes.length} bytes; expected at most ${MAX_MESSAGE_BYTES}`);
    const samples = this.#toFloats(bytes);
    if (samples.length === 0) return;
    this.#transcriber.push(this.#resampler?.push(samples) ?? samples);
  }

  /** Samples of a message; half a sample at its end waits for the other half. */
  #toFloats(bytes: Uint8Array): Float32Array {
    const whole = new Uint8Array(bytes.length + (this.#oddByte === null ? 0 : 1));
    if (this.#oddByte !== null) whole[0] = this.#oddByte;
    whole.set(bytes, whole.length - bytes.length);
    this.#oddByte = whole.length % 2 === 1 ? whole.at(-1) : null;
    const view = new DataView(whole.buffer);
    return Float32Array.from(
      { length: Math.floor(whole.length / 2) },
      (_, i) => view.getInt16(2 * i, true) / 0x8000,
    );
  }

  #watchIdle(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(
      () => this.#fail(invalid(`nothing came for ${IDLE_TIMEOUT_MS / 1000} seconds`)),
      IDLE_TIMEOUT_MS,
    );
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    const record = recordForClient(
      error,
      this.#options.place ?? { place: 'gateway.live', ...NO_REQUEST },
    );
    this.send({ type: 'error', ...errorBody(record) });
    this.#close(CLOSE_POLICY, record.code);
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.leave();
    this.#options.close(code, reason);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.slice(0, 10_000));
  } catch {
    throw invalid('a text message with no JSON; expected {"type": "commit"} or {"type": "end"}');
  }
}

function invalid(what: string): EngineError {
  return invalidField('audio', `${what}. Send 16-bit little-endian PCM`);
}
