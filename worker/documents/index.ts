/**
 * The documents script: text of PDF, DOCX, EPUB and CSV, pixels of pictures. Separate from the gateway, which would be half as large again
 * with pdf.js in it, and which a document that takes all memory would end. Knows neither models nor HTTP.
 */
import { WorkerEntrypoint } from 'cloudflare:workers';
import webp from '../../dist/fuel/webp.wasm';
import type { ReadPicture } from '../../engine/vision/decode-picture.ts';
import { answerCall } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import type { CallContext } from '../platform/failure.ts';
import { refusalOf } from './limits.ts';
import { readDocument, readFile } from './read-document.ts';
import type { ReadFile } from './read-document.ts';
import { readPicture } from './read-picture.ts';
import { KEPT_SIDES, shrinkPicture } from './shrink-picture.ts';
import { withFile } from './received-file.ts';
import type { Section } from './sections.ts';
import type { FileType } from './types.ts';

/** Longest side of an uploaded picture, which is only looked at. */
const MAX_SIDE = 1024;

export default class Documents extends WorkerEntrypoint {
  /** @param name path of the field that holds the document, for errors */
  read(
    call: CallContext,
    name: string,
    bytes: Uint8Array,
    type: FileType,
  ): Promise<RpcAnswer<readonly Section[]>> {
    return answerCall({ place: 'documents.read', ...call }, () =>
      readDocument(bytes, type, refusalOf(name)),
    );
  }

  /** Reads a file as it arrives. @param name its own, which says what kind of text it is */
  readUpload(
    call: CallContext,
    name: string,
    body: ReadableStream<Uint8Array>,
  ): Promise<RpcAnswer<ReadFile>> {
    return answerCall({ place: 'documents.readUpload', ...call }, () =>
      withFile(body, (bytes) =>
        readFile(bytes, name, refusalOf('file'), (file) => readPicture(file, webp, MAX_SIDE)),
      ),
    );
  }

  /** Pixels of a picture. @param maxSide longest side of the result */
  readPicture(
    call: CallContext,
    bytes: Uint8Array,
    maxSide: number,
  ): Promise<RpcAnswer<ReadPicture>> {
    return answerCall({ place: 'documents.readPicture', ...call }, () =>
      readPicture(bytes, webp, maxSide),
    );
  }

  /** The picture as a JPEG of at most `maxBytes`, or the smallest there is. */
  shrinkPicture(
    call: CallContext,
    bytes: Uint8Array,
    maxBytes: number,
  ): Promise<RpcAnswer<Uint8Array<ArrayBuffer>>> {
    return answerCall({ place: 'documents.shrinkPicture', ...call }, async () => {
      const { picture } = await readPicture(bytes, webp, KEPT_SIDES[0]);
      return await shrinkPicture(picture, maxBytes);
    });
  }

  override fetch(): Response {
    return new Response('This script serves no HTTP requests.\n', { status: 404 });
  }
}
