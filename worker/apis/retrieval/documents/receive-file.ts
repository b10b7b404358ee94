/** A form with one file: it is passed on to the documents script as it arrives, and only its text comes back. */
import type { ReadFile } from '../../../documents/read-document.ts';
import { fileTooLarge, MAX_FILE_BYTES } from '../../../documents/received-file.ts';
import { readForm } from '../../../http/body/form.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import type { Caller } from '../../../platform/caller.ts';
import type { RetrievalEnv } from '../env.ts';
import { readUpload } from './open-document.ts';

export interface ReceivedFile {
  readonly filename: string | null;
  /** Values of the form's other fields: JSON, but for the id. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly file: ReadFile;
}

/** Fields of the form that are JSON. */
const JSON_FIELDS = new Set(['metadata', 'redact']);

/** @throws {EngineError} E_REQUEST_INVALID, E_BODY_TOO_LARGE, E_BUSY; E_BACKEND_UNAVAILABLE */
export async function receiveFile(
  env: Pick<RetrievalEnv, 'DOCUMENTS'>,
  caller: Caller,
  request: Request,
): Promise<ReceivedFile> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let reading: Promise<ReadFile> | null = null;
  let filename: string | null = null;
  try {
    const form = await readForm(request, {
      maxFileBytes: MAX_FILE_BYTES,
      tooLarge: fileTooLarge,
      begin(name) {
        filename = name ?? null;
        reading = readUpload(env, caller, name ?? '', readable, 'file');
        // A failure is reported when it is awaited; a refused form ignores it.
        reading.catch(() => undefined);
        // When the script refuses, it stops reading, and its answer says why.
        return { write: (bytes) => writer.write(bytes).catch(() => undefined) };
      },
    });
    await writer.close().catch(() => undefined);
    const fields = Object.fromEntries(
      Array.from(form.fields, ([name, values]) => [name, fieldValue(name, values.at(-1) ?? '')]),
    );
    // Not null: a form without a file has been refused.
    return { filename, fields, file: await reading! };
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

function fieldValue(name: string, text: string): unknown {
  if (!JSON_FIELDS.has(name)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw invalidField(name, `expected JSON, got ${JSON.stringify(text.slice(0, 80))}`);
  }
}
