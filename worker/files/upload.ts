/**
 * An upload form (RFC 7578) into the bucket as it comes. The form is hostile input: parts, headers,
 * fields and the file are bounded, and nothing of a form that is refused stays.
 */
import { make, type MultipartError, type PartInfo } from 'multipasta';
import { EngineError } from '../../engine/base/errors.ts';
import { FileWriter } from './file-writer.ts';
import { type FileJson, newFileId } from './stored-file.ts';

/** Below what the platform takes as a request (100 MB). */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** How much of a form that is refused is read away, so that its client gets the answer. */
const MAX_DRAINED_BYTES = 2 * MAX_FILE_BYTES;
const MAX_FORM_PARTS = 16;
const MAX_FIELD_BYTES = 1024;
/** RFC 2046, section 5.1.1. */
const MAX_BOUNDARY_CHARS = 70;
const MAX_SHOWN_CHARS = 60;
const PURPOSE = 'batch';
/** Fields that would change what happens, and are not supported. */
const REFUSED_FIELD = /^expires_after\b/;

export interface Upload {
  readonly file: FileJson;
  /** Names of fields that had no effect. */
  readonly ignored: readonly string[];
}

/** @throws {EngineError} E_REQUEST_INVALID, E_BODY_TOO_LARGE naming the field. */
export async function receiveUpload(bucket: R2Bucket, request: Request): Promise<Upload> {
  const form = new UploadForm(bucket, request.headers.get('content-type') ?? '');
  let nRead = 0;
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      nRead += chunk.length;
      await form.read(chunk);
      if (nRead > MAX_DRAINED_BYTES) break;
    }
    return await form.finish();
  } catch (error) {
    await form.abandon();
    throw error;
  }
}

class UploadForm {
  private readonly parser: ReturnType<typeof make>;
  private readonly bucket: R2Bucket;
  private readonly ignored = new Set<string>();
  private error: EngineError | null = null;
  private writer: FileWriter | null = null;
  /** Of the file, told by the parser and not written yet. */
  private fresh: Uint8Array[] = [];
  private purpose: string | null = null;
  private isWhole = false;

  constructor(bucket: R2Bucket, contentType: string) {
    this.bucket = bucket;
    checkContentType(contentType);
    this.parser = make({
      headers: { 'content-type': contentType },
      maxParts: MAX_FORM_PARTS,
      maxFieldSize: MAX_FIELD_BYTES,
      isFile: (info) => fieldOf(info).name === 'file',
      onFile: (info) => this.beginFile(info),
      onField: (info, value) => this.field(fieldOf(info).name, new TextDecoder().decode(value)),
      onError: (error) => this.fail(formError(error)),
      onDone: () => (this.isWhole = true),
    });
  }

  /** After an error the form is read on, and forgotten. */
  async read(chunk: Uint8Array): Promise<void> {
    if (this.error !== null || this.isWhole) return;
    try {
      this.parser.write(chunk);
    } catch (cause) {
      // A header with broken percent-encoding, say.
      this.fail(invalid('file', 'body: a part of the form has a broken header', cause));
    }
    const { fresh, writer } = this;
    this.fresh = [];
    if (this.error !== null) return;
    for (const bytes of fresh) await writer?.write(bytes);
    if ((writer?.nBytes ?? 0) > MAX_FILE_BYTES) this.fail(tooLarge());
  }

  async finish(): Promise<Upload> {
    if (this.error === null && !this.isWhole) this.fail(formError({ _tag: 'EndNotReached' }));
    if (this.error !== null) throw this.error;
    if (this.writer === null) throw invalid('file', 'file: expected a file, got nothing');
    if (this.purpose !== PURPOSE) throw wrongPurpose(this.purpose);
    if (this.writer.nBytes === 0) throw invalid('file', 'file: expected requests, got 0 bytes');
    return { file: await this.writer.finish(), ignored: [...this.ignored] };
  }

  async abandon(): Promise<void> {
    await this.writer?.abandon();
  }

  private beginFile(info: PartInfo): (chunk: Uint8Array | null) => void {
    if (this.writer !== null) this.fail(invalid('file', 'file: expected one file, got several'));
    const { filename } = fieldOf(info);
    this.writer ??= new FileWriter(this.bucket, {
      ...{ id: newFileId(), filename: filename ?? 'file.jsonl', purpose: PURPOSE },
    });
    return (chunk) => {
      if (chunk !== null) this.fresh.push(chunk);
    };
  }

  private field(name: string, value: string): void {
    if (name === 'purpose') this.purpose = value;
    else if (REFUSED_FIELD.test(name)) this.fail(unsupported(name.slice(0, MAX_SHOWN_CHARS)));
    else this.ignored.add(name);
  }

  private fail(error: EngineError): void {
    this.error ??= error;
  }
}

/** @throws {EngineError} E_REQUEST_INVALID for what is no form. */
function checkContentType(contentType: string): void {
  const isForm = /^multipart\/form-data\s*(;|$)/i.test(contentType);
  const boundary = /;\s*boundary=(?:"([^"]*)"|([^\s;]*))/i.exec(contentType);
  const text = boundary?.[1] ?? boundary?.[2] ?? '';
  if (isForm && text.length >= 1 && text.length <= MAX_BOUNDARY_CHARS) return;
  const got = contentType === '' ? 'nothing' : JSON.stringify(contentType.slice(0, 80));
  throw new EngineError(
    'E_REQUEST_INVALID',
    `content-type: expected multipart/form-data with a boundary of 1 to ${MAX_BOUNDARY_CHARS} characters, got ${got}.`,
  );
}

/**
 * The parser takes names of Latin letters only; clients send UTF-8 as it is. Quotation marks come as
 * browsers write them (%22) or with a backslash, as older programs do.
 */
function fieldOf({ headers }: PartInfo): { name: string; filename: string | undefined } {
  const header = String(headers['content-disposition'] ?? '');
  const value = (key: string): string | undefined => {
    const found = new RegExp(`;\\s*${key}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(header);
    return found?.[1]?.replaceAll(/%22|\\"/g, '"');
  };
  return { name: value('name') ?? '', filename: value('filename') };
}

const LIMIT_MESSAGES: Readonly<Record<string, string>> = {
  MaxParts: `body: expected at most ${MAX_FORM_PARTS} fields`,
  MaxFieldSize: `body: expected fields of at most ${MAX_FIELD_BYTES} bytes, got a larger one; the file's field is "file"`,
};

const FORM_MESSAGES: Readonly<Record<Exclude<MultipartError['_tag'], 'ReachedLimit'>, string>> = {
  InvalidBoundary: 'content-type: has no boundary that could be read',
  BadHeaders: 'body: a part of the form has broken headers',
  InvalidDisposition: 'body: a part of the form has no name',
  EndNotReached: 'body: the form is cut off, or its boundary is not that of its content-type',
};

function formError(error: MultipartError): EngineError {
  const message =
    error._tag === 'ReachedLimit' ? LIMIT_MESSAGES[error.limit] : FORM_MESSAGES[error._tag];
  return new EngineError('E_REQUEST_INVALID', `${message ?? 'body: the form is too large'}.`);
}

function invalid(param: string, message: string, cause?: unknown): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${message}.`, { param, cause });
}

function unsupported(name: string): EngineError {
  return invalid(name, `${name}: is not supported yet; expected it to be absent`);
}

function wrongPurpose(purpose: string | null): EngineError {
  const got = purpose === null ? 'nothing' : JSON.stringify(purpose.slice(0, 80));
  return invalid('purpose', `purpose: expected "${PURPOSE}", got ${got}`);
}

function tooLarge(): EngineError {
  return new EngineError(
    'E_BODY_TOO_LARGE',
    `file: is larger than ${MAX_FILE_BYTES} bytes. Split it into several batches.`,
    { param: 'file', details: { maxFileBytes: MAX_FILE_BYTES } },
  );
}
