/**
 * A whole recording that has been received and waits: nothing decodes it before the gateway has read the
 * form and found the model. Until it is released it counts towards what this isolate may hold.
 */
import { RpcTarget } from 'cloudflare:workers';
import { EngineError } from '../../engine/base/errors.ts';
import { joinBytes } from '../../engine/base/joined.ts';
import type { CallContext } from '../platform/failure.ts';
import { soundStream } from '../platform/sound-frames.ts';
import { decodeAudio } from './decode-stream.ts';
import type { DecodeOptions } from './decode-stream.ts';
import type { AudioFrame } from './frames.ts';
import { audioTooLarge, MAX_AUDIO_BYTES } from './limits.ts';
import type { DecoderModules } from './open-audio.ts';

/** Bytes of all files in this isolate; an MP3 is in memory twice. */
const MAX_HELD_BYTES = 50 * 1024 * 1024;
const BUSY_RETRY_AFTER_S = 5;

let heldBytes = 0;

export class HeldSound extends RpcTarget implements Disposable {
  readonly #modules: DecoderModules;
  #chunks: Uint8Array[] = [];
  #nByte = 0;
  readonly #released = Promise.withResolvers<void>();
  /** Settled when the whole body has arrived; rejects with the refusal, which the frames then report. */
  readonly #whole: Promise<void>;

  /** @returns once the whole body has been read, or refused */
  static async receive(
    body: ReadableStream<Uint8Array>,
    modules: DecoderModules,
  ): Promise<HeldSound> {
    const held = new HeldSound(body, modules);
    await held.#whole.catch(() => held.#release());
    return held;
  }

  private constructor(body: ReadableStream<Uint8Array>, modules: DecoderModules) {
    super();
    this.#modules = modules;
    this.#whole = this.#read(body);
  }

  /** Resolves once the recording's bytes have been released. */
  static released(held: HeldSound): Promise<void> {
    return held.#released.promise;
  }

  /** The recording as frames (frames.ts), readable once; failures are reported by an `error` frame. */
  decode(call: CallContext, options: DecodeOptions): ReadableStream<Uint8Array> {
    const place = { place: 'audio.decode', ...call };
    return soundStream(this.#frames(options), () => this.#release(), place);
  }

  /** Called when the gateway disposes of it, or its request has ended in any way. */
  [Symbol.dispose](): void {
    this.#release();
  }

  async *#frames(options: DecodeOptions): AsyncGenerator<AudioFrame, void, void> {
    await this.#whole;
    const bytes = joinBytes(this.#chunks);
    this.#chunks = [];
    yield* decodeAudio(bytes, this.#modules, options);
  }

  /** @throws {EngineError} E_BODY_TOO_LARGE, E_BUSY. */
  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      this.#nByte += chunk.length;
      heldBytes += chunk.length;
      if (this.#nByte > MAX_AUDIO_BYTES) throw audioTooLarge();
      if (heldBytes > MAX_HELD_BYTES) throw busy();
      this.#chunks.push(chunk);
    }
  }

  #release(): void {
    heldBytes -= this.#nByte;
    this.#nByte = 0;
    this.#chunks = [];
    this.#released.resolve();
  }
}

function busy(): EngineError {
  return new EngineError(
    'E_BUSY',
    `audio: ${MAX_HELD_BYTES} bytes of recordings are being read already. Try again in a moment.`,
    { details: { retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}
