/**
 * A form with a recording: its fields, and its samples as they are decoded. The file is passed straight on to
 * the audio script, which holds it: fields are read before it is decoded, in whatever order they come.
 */
import { EngineError } from '../../../../engine/base/errors.ts';
import { SAMPLE_RATE } from '../../../../engine/transcribe/types.ts';
import { audioTooLarge, MAX_AUDIO_BYTES } from '../../../audio/limits.ts';
import { readAudio } from '../../../audio/frames.ts';
import type { AudioEnd, AudioInfo } from '../../../audio/frames.ts';
import type { RawFormat } from '../../../audio/open-audio.ts';
import { readForm } from '../../../http/body/form.ts';
import type { ReadForm } from '../../../http/body/form.ts';
import type { ServingEnv } from '../../../serving/env.ts';
import type { CallContext } from '../../../platform/failure.ts';
import { reach } from '../../../platform/rpc.ts';
import { rawFormatOf } from './raw-format.ts';

export interface SoundUpload {
  readonly fields: ReadForm['fields'];
  readonly sound: Sound;
}

/**
 * The caller disposes of the sound unless it has been read.
 * @throws {EngineError} errors of the form; errors of the file come with its samples.
 */
export async function receiveSound(
  env: Pick<ServingEnv, 'AUDIO'>,
  call: CallContext,
  request: Request,
): Promise<SoundUpload> {
  const raw = rawFormatOrRefusal(request);
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let held: Promise<HeldStub> | null = null;
  try {
    const form = await readForm(request, {
      maxFileBytes: MAX_AUDIO_BYTES,
      tooLarge: audioTooLarge,
      begin() {
        // Drained, so that the client gets the response.
        if (raw instanceof EngineError) return { write: () => Promise.resolve() };
        held = reach('audio', () => env.AUDIO.hold(readable));
        // A failure is reported when it is awaited; a refused form ignores it.
        held.catch(() => undefined);
        // When the script refuses, it stops reading, and its answer says why.
        return { write: (bytes) => writer.write(bytes).catch(() => undefined) };
      },
    });
    if (raw instanceof EngineError) throw raw;
    await writer.close().catch(() => undefined);
    // Not null: a form without a file has been refused.
    return { fields: form.fields, sound: new Sound(await held!, call, raw) };
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    await letGo(held);
    throw error;
  }
}

type HeldStub = Awaited<ReturnType<ServingEnv['AUDIO']['hold']>>;

async function letGo(held: Promise<HeldStub> | null): Promise<void> {
  const stub = await held?.catch(() => null);
  stub?.[Symbol.dispose]();
}

function rawFormatOrRefusal(request: Request): RawFormat | null | EngineError {
  try {
    return rawFormatOf(request);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

/** Samples of a recording, readable once; it is decoded as they are asked for. */
export class Sound implements AsyncIterable<Float32Array>, Disposable {
  /** Known once the first samples have arrived. */
  info: AudioInfo | null = null;
  /** Known once the last samples have arrived. */
  end: AudioEnd | null = null;
  readonly #held: HeldStub;
  readonly #call: CallContext;
  readonly #raw: RawFormat | null;

  constructor(held: HeldStub, { requestId }: CallContext, raw: RawFormat | null) {
    this.#held = held;
    this.#call = { requestId };
    this.#raw = raw;
  }

  /** @throws {EngineError} E_AUDIO_INVALID, E_BODY_TOO_LARGE, E_BUSY. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, void> {
    try {
      const options = { sampleRate: SAMPLE_RATE, raw: this.#raw };
      const stream = await reach('audio', () => this.#held.decode(this.#call, options));
      for await (const frame of readAudio(stream)) {
        if (frame.type === 'samples') yield frame.value;
        else if (frame.type === 'start') this.info = frame.value;
        else this.end = frame.value;
      }
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** Releases the recording; a second call does nothing. */
  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}
