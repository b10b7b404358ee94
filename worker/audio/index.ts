/**
 * The audio script: recordings of any kind become mono samples. Apart from the gateway, so that uploads
 * and decoders have memory of their own. Knows no models and no HTTP.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';
import mp3 from 'minimp3-wasm/dist/decoder.opt.wasm';
import opus from '../../dist/opus/opus.wasm';
import { EngineError, errorToRecord } from '../../engine/base/errors.ts';
import { audioTooLarge, decodeStream, MAX_AUDIO_BYTES } from './decode-stream.ts';
import type { DecodeWish } from './decode-stream.ts';
import { encodeFrame } from './frames.ts';

/** Of all files in this isolate; MP3 stands in memory twice. */
const MAX_HELD_BYTES = 50 * 1024 * 1024;
const BUSY_RETRY_AFTER_S = 5;

let heldBytes = 0;

export default class Audio extends WorkerEntrypoint {
  /** Frames (frames.ts) of the recording that `body` holds; nothing fails but by an `error` frame. */
  async decode(body: ReadableStream<Uint8Array>, wish: DecodeWish): Promise<ReadableStream> {
    let taken = 0;
    const release = (): void => {
      heldBytes -= taken;
      taken = 0;
    };
    try {
      const bytes = await readBody(body, (n) => {
        taken += n;
        heldBytes += n;
      });
      return decodeStream(bytes, { mp3, opus }, wish, release);
    } catch (error) {
      release();
      return onlyError(error);
    }
  }

  override fetch(): Response {
    return new Response('This script has no address of its own.\n', { status: 404 });
  }
}

/** @throws {EngineError} E_BODY_TOO_LARGE, E_BUSY. */
async function readBody(
  body: ReadableStream<Uint8Array>,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_AUDIO_BYTES) throw audioTooLarge();
    take(chunk.length);
    if (heldBytes > MAX_HELD_BYTES) throw busy();
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function busy(): EngineError {
  return new EngineError(
    'E_BUSY',
    `audio: ${MAX_HELD_BYTES} bytes of recordings are being read already. Try again in a moment.`,
    { details: { retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

function onlyError(error: unknown): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encodeFrame({ type: 'error', value: errorToRecord(error) }));
      controller.close();
    },
  });
}
