/** What a document says: its text as it was sent, or what the documents script reads in its file. */
import { fromBase64 } from '../../../../engine/base/base64.ts';
import type { Picture } from '../../../../engine/vision/picture.ts';
import { FILE_TYPES, PICTURE_TYPES } from '../../../documents/types.ts';
import type { FileType, PictureType } from '../../../documents/types.ts';
import type { ReadFile } from '../../../documents/read-document.ts';
import { pictureSections } from '../../../documents/sections.ts';
import type { Section } from '../../../documents/sections.ts';
import type { EngineError } from '../../../../engine/base/errors.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import type { Caller } from '../../../platform/caller.ts';
import { ask } from '../../../platform/rpc.ts';
import type { RetrievalEnv } from '../env.ts';
import type { Metadata } from '../object/filter.ts';
import { CONTENT_TYPES, isBinary } from './document-text.ts';
import type { ContentType } from './document-text.ts';

export const DOCUMENT_TYPES = [
  ...CONTENT_TYPES,
  ...Object.values(FILE_TYPES),
  ...PICTURE_TYPES,
] as const;
export type DocumentType = ContentType | FileType | PictureType;

export interface IncomingDocument {
  readonly id: string;
  /** Text; the bytes in base64 where the type is that of a file. */
  readonly content: string;
  readonly content_type: DocumentType;
  /** What a picture shows, in words. */
  readonly caption?: string | undefined;
  readonly metadata: Metadata;
}

/** A document whose text is known. */
export interface OpenDocument {
  readonly id: string;
  readonly metadata: Metadata;
  readonly type: ContentType;
  /** Of a picture, one with its caption, or without text. */
  readonly sections: readonly Section[];
  /** Its file, or its pixels, where the document is a picture. */
  readonly picture?: Uint8Array<ArrayBuffer> | Picture;
}

/** How files begin that people send as if they were text. */
const FILES_AS_TEXT: readonly (readonly [start: string, what: string])[] = [
  ['%PDF-', 'a PDF file'],
  ['JVBERi0', 'a PDF file in base64'],
  ['UEsDB', 'a DOCX, EPUB or ZIP file in base64'],
];

/** Whether the content of a type is base64. */
export function isEncoded(type: DocumentType): boolean {
  return type !== FILE_TYPES.csv && !(CONTENT_TYPES as readonly string[]).includes(type);
}

/**
 * @param name path of the document, such as `documents[0]`
 * @throws {EngineError} E_REQUEST_INVALID naming the field; E_BACKEND_UNAVAILABLE
 */
export async function openDocument(
  env: Pick<RetrievalEnv, 'DOCUMENTS'>,
  { requestId }: Caller,
  { id, content, content_type, caption, metadata }: IncomingDocument,
  name: string,
): Promise<OpenDocument> {
  const param = `${name}.content`;
  if (isPictureType(content_type)) {
    const picture = fileBytes(content, content_type, param);
    return { id, metadata, type: 'text/plain', ...pictureSections(picture, caption) };
  }
  if (caption !== undefined) throw captionOfText(`${name}.caption`);
  const isText = !isEncoded(content_type);
  if (isText) checkText(content, content_type, name);
  if (content_type !== FILE_TYPES.csv && isText) {
    const section = { heading: '', text: content, location: null };
    return { id, metadata, type: content_type as ContentType, sections: [section] };
  }
  const bytes = isText
    ? new TextEncoder().encode(content)
    : fileBytes(content, content_type, param);
  const sections = await ask<readonly Section[]>('documents', () =>
    env.DOCUMENTS.read({ requestId }, param, bytes, content_type as FileType),
  );
  return { id, metadata, type: 'text/plain', sections };
}

export function isPictureType(type: DocumentType): type is PictureType {
  return (PICTURE_TYPES as readonly string[]).includes(type);
}

export function captionOfText(param: string): EngineError {
  return invalidField(param, 'expected a picture with it; texts have none. Leave it out');
}

const fileIn = (text: string): string | undefined =>
  FILES_AS_TEXT.find(([start]) => text.startsWith(start))?.[1];

function checkText(content: string, type: DocumentType, name: string): void {
  const file = fileIn(content);
  if (file !== undefined)
    throw invalidField(
      `${name}.content_type`,
      `the content is ${file}, but its content_type is ${type}; expected the type of the file, with its bytes ` +
        'in base64 as content',
    );
  requireText(content, `${name}.content`);
}

/**
 * Reads a file whose type follows from its first bytes, of texts from its name.
 * @param body bytes, as streams between scripts must be
 * @param param field that the file came in
 * @throws {EngineError} E_REQUEST_INVALID, E_BODY_TOO_LARGE, E_BUSY; E_BACKEND_UNAVAILABLE
 */
export async function readUpload(
  env: Pick<RetrievalEnv, 'DOCUMENTS'>,
  { requestId }: Caller,
  name: string,
  body: ReadableStream<Uint8Array>,
  param: string,
): Promise<ReadFile> {
  const file = await ask<ReadFile>('documents', () =>
    env.DOCUMENTS.readUpload({ requestId }, name, body),
  );
  if (file.picture !== undefined) return file;
  const encoded = fileIn(file.sections[0]?.text ?? '');
  if (encoded !== undefined) throw invalidField(param, `is ${encoded}; expected its bytes`);
  for (const { text } of file.sections) requireText(text, param);
  return file;
}

/** @throws {EngineError} E_REQUEST_INVALID */
function requireText(text: string, param: string): void {
  if (isBinary(text)) throw invalidField(param, 'is no text, but binary data; expected text');
}

function fileBytes(content: string, type: DocumentType, param: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(content);
  if (bytes !== null && bytes.length > 0) return bytes;
  throw invalidField(
    param,
    `expected the bytes of a file in base64, since its content_type is ${type}`,
  );
}
