/**
 * A form with a recording: its fields, and its samples as they are decoded. The file goes straight on to
 * the audio script, whatever order the fields come in.
 */
import { EngineError } from '../../../../engine/base/errors.ts';
import { SAMPLE_RATE } from '../../../../engine/transcribe/types.ts';
import { audioTooLarge, MAX_AUDIO_BYTES } from '../../../audio/decode-stream.ts';
import { readAudio } from '../../../audio/frames.ts';
import type { AudioEnd, AudioInfo } from '../../../audio/frames.ts';
import type { RawFormat } from '../../../audio/open-audio.ts';
import { readForm } from '../../../http/body/form.ts';
import type { ReadForm } from '../../../http/body/form.ts';
import type { ServingEnv } from '../../../serving/env.ts';
import type { CallContext } from '../../../platform/failure.ts';
import { rawFormatOf } from './raw-format.ts';

export interface SoundUpload {
  readonly fields: ReadForm['fields'];
  readonly sound: Sound;
}

/** @throws {EngineError} what the form is refused for; the file's own faults come with its samples. */
export async function receiveSound(
  env: Pick<ServingEnv, 'AUDIO'>,
  call: CallContext,
  request: Request,
): Promise<SoundUpload> {
  const raw = rawFormatOrRefusal(request);
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let decoded: Promise<ReadableStream<Uint8Array>> | null = null;
  try {
    const form = await readForm(request, {
      maxFileBytes: MAX_AUDIO_BYTES,
      tooLarge: audioTooLarge,
      begin() {
        // Read away, so that its client gets the answer.
        if (raw instanceof EngineError) return { write: () => Promise.resolve() };
        decoded = decode(env, call, readable, raw);
        // Told when it is awaited; a refused form forgets it.
        decoded.catch(() => undefined);
        // The script reads no further when it refuses: its answer says why.
        return { write: (bytes) => writer.write(bytes).catch(() => undefined) };
      },
    });
    if (raw instanceof EngineError) throw raw;
    await writer.close().catch(() => undefined);
    // A form without a file has been refused.
    return { fields: form.fields, sound: new Sound(await decoded!) };
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

function rawFormatOrRefusal(request: Request): RawFormat | null | EngineError {
  try {
    return rawFormatOf(request);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

async function decode(
  env: Pick<ServingEnv, 'AUDIO'>,
  { requestId }: CallContext,
  body: ReadableStream<Uint8Array>,
  raw: RawFormat | null,
): Promise<ReadableStream<Uint8Array>> {
  return await env.AUDIO.decode({ requestId }, body, { sampleRate: SAMPLE_RATE, raw });
}

/** Samples of a recording, once. */
export class Sound implements AsyncIterable<Float32Array> {
  /** Known once the first samples have come. */
  info: AudioInfo | null = null;
  /** Known once the last samples have come. */
  end: AudioEnd | null = null;
  readonly #stream: ReadableStream<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  /** @throws {EngineError} E_AUDIO_INVALID, E_BODY_TOO_LARGE, E_BUSY. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, void> {
    for await (const frame of readAudio(this.#stream)) {
      if (frame.type === 'samples') yield frame.value;
      else if (frame.type === 'start') this.info = frame.value;
      else this.end = frame.value;
    }
  }
}
