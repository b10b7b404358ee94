/**
 * A form with a file (multipart/form-data, RFC 7578), read as it arrives: fields are kept, the file is
 * passed on piece by piece. Hostile input: parts, headers, fields and the file are bounded.
 */
import { invalidField } from '../../platform/invalid-field.ts';
import { make, type MultipartError, type PartInfo } from 'multipasta';
import { EngineError } from '../../../engine/base/errors.ts';
import { bodyChunks } from './body-chunks.ts';

/** Where the bytes of the field "file" go. */
export interface FileSink {
  write(bytes: Uint8Array): Promise<void>;
}

export interface FormOptions {
  readonly maxFileBytes: number;
  /** Makes the error for a larger file. */
  readonly tooLarge: () => EngineError;
  /** Called once, at the beginning of the file. */
  readonly begin: (filename: string | undefined) => FileSink;
}

export interface ReadForm {
  /** Values by name, in the order they were sent. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly fileBytes: number;
}

const MAX_FORM_PARTS = 16;
const MAX_FIELD_BYTES = 4096;
/** Limit of RFC 2046, section 5.1.1. */
const MAX_BOUNDARY_CHARS = 70;

/** @throws {EngineError} E_REQUEST_INVALID, E_ABORTED, and what `tooLarge` makes. */
export async function readForm(request: Request, options: FormOptions): Promise<ReadForm> {
  const form = new FormReader(request.headers.get('content-type') ?? '', options);
  let nRead = 0;
  for await (const chunk of bodyChunks(request)) {
    nRead += chunk.length;
    await form.read(chunk);
    // A refused form is drained up to here, so that its client gets the response.
    if (nRead > 2 * options.maxFileBytes) break;
  }
  return form.finish();
}

class FormReader {
  readonly #parser: ReturnType<typeof make>;
  readonly #options: FormOptions;
  readonly #fields = new Map<string, string[]>();
  #error: EngineError | null = null;
  #sink: FileSink | null = null;
  /** Bytes of the file that the parser has given and that are not written yet. */
  #fresh: Uint8Array[] = [];
  #fileBytes = 0;
  #isWhole = false;

  constructor(contentType: string, options: FormOptions) {
    this.#options = options;
    checkContentType(contentType);
    this.#parser = make({
      headers: { 'content-type': contentType },
      maxParts: MAX_FORM_PARTS,
      maxFieldSize: MAX_FIELD_BYTES,
      isFile: (info) => fieldOf(info).name === 'file',
      onFile: (info) => this.#beginFile(info),
      onField: (info, value) => this.#field(fieldOf(info).name, new TextDecoder().decode(value)),
      onError: (error) => this.#fail(formError(error)),
      onDone: () => (this.#isWhole = true),
    });
  }

  /** After an error the rest of the form is ignored. */
  async read(chunk: Uint8Array): Promise<void> {
    if (this.#error !== null || this.#isWhole) return;
    try {
      this.#parser.write(chunk);
    } catch (cause) {
      // Broken percent-encoding in a header, for example.
      const message = 'body: a part of the form has a broken header.';
      this.#fail(new EngineError('E_REQUEST_INVALID', message, { param: 'file', cause }));
    }
    const fresh = this.#fresh;
    this.#fresh = [];
    if (this.#error !== null) return;
    for (const bytes of fresh) {
      this.#fileBytes += bytes.length;
      await this.#sink?.write(bytes);
    }
    if (this.#fileBytes > this.#options.maxFileBytes) this.#fail(this.#options.tooLarge());
  }

  finish(): ReadForm {
    if (this.#error === null && !this.#isWhole) this.#fail(formError({ _tag: 'EndNotReached' }));
    if (this.#error !== null) throw this.#error;
    if (this.#sink === null)
      throw invalidField('file', 'expected a file, got nothing. Add a field "file" with one');
    return { fields: this.#fields, fileBytes: this.#fileBytes };
  }

  #beginFile(info: PartInfo): (chunk: Uint8Array | null) => void {
    if (this.#sink !== null)
      this.#fail(invalidField('file', 'expected one file, got several. Send one per request'));
    this.#sink ??= this.#options.begin(fieldOf(info).filename);
    return (chunk) => {
      if (chunk !== null) this.#fresh.push(chunk);
    };
  }

  #field(name: string, value: string): void {
    const values = this.#fields.get(name);
    if (values === undefined) this.#fields.set(name, [value]);
    else values.push(value);
  }

  #fail(error: EngineError): void {
    this.#error ??= error;
  }
}

/** @throws {EngineError} E_REQUEST_INVALID when the body is not a form. */
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
 * The parser accepts names of Latin letters only; clients send raw UTF-8. Quotation marks come as
 * %22 (browsers) or with a backslash (older programs).
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
  InvalidBoundary: 'content-type: has no valid boundary',
  BadHeaders: 'body: a part of the form has broken headers',
  InvalidDisposition: 'body: a part of the form has no name',
  EndNotReached:
    'body: the form is cut off, or its boundary differs from the one in its content-type',
};

function formError(error: MultipartError): EngineError {
  const message =
    error._tag === 'ReachedLimit' ? LIMIT_MESSAGES[error.limit] : FORM_MESSAGES[error._tag];
  return new EngineError('E_REQUEST_INVALID', `${message ?? 'body: the form is too large'}.`);
}
