/**
 * A recording that has come in, whole, and waits: nothing looks into it before the gateway has read the
 * form and found the model. It counts towards what this isolate may hold until it is let go.
 */
import { RpcTarget } from 'cloudflare:workers';
import { EngineError } from '../../engine/base/errors.ts';
import { joinBytes } from '../../engine/base/joined.ts';
import type { CallContext } from '../platform/failure.ts';
import { soundStream } from '../platform/sound-frames.ts';
import { audioTooLarge, decodeAudio, MAX_AUDIO_BYTES } from './decode-stream.ts';
import type { DecodeOptions } from './decode-stream.ts';
import type { AudioFrame } from './frames.ts';
import type { DecoderModules } from './open-audio.ts';

/** Of all files in this isolate; MP3 stands in memory twice. */
const MAX_HELD_BYTES = 50 * 1024 * 1024;
const BUSY_RETRY_AFTER_S = 5;

let heldBytes = 0;

export class HeldSound extends RpcTarget implements Disposable {
  readonly #modules: DecoderModules;
  #chunks: Uint8Array[] = [];
  #nByte = 0;
  readonly #released = Promise.withResolvers<void>();
  /** Settled when all has come in; fails with what the recording is refused for, which the frames tell. */
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

  /** Fulfilled when its bytes have been let go. */
  static released(held: HeldSound): Promise<void> {
    return held.#released.promise;
  }

  /** Frames (frames.ts) of the recording, once; nothing fails but by an `error` frame. */
  decode(call: CallContext, options: DecodeOptions): ReadableStream<Uint8Array> {
    const place = { place: 'audio.decode', ...call };
    return soundStream(this.#frames(options), () => this.#release(), place);
  }

  /** Called when the gateway lets go of it, or its request has ended in whatever way. */
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
