/** Stores an uploaded file of requests as it arrives. Nothing of a refused form stays. */
import { invalidField } from '../../platform/invalid-field.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { FileWriter, PART_BYTES } from './file-writer.ts';
import { readForm } from '../../http/body/form.ts';
import type { ReadForm } from '../../http/body/form.ts';
import { newFileId, UPLOAD_PURPOSES } from './stored-file.ts';
import type { FileJson, FilePurpose, FileStore, Owner } from './stored-file.ts';

/** Below the platform's limit for a request (100 MB). */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_SHOWN_CHARS = 60;
/** What a file is for until the form says something else. */
const PURPOSE = 'batch';
/** Fields that would have an effect and are not supported. */
const REFUSED_FIELD = /^expires_after\b/;

export interface Upload {
  readonly file: FileJson;
  /** Names of fields that had no effect. */
  readonly ignored: readonly string[];
}

/** @throws {EngineError} E_REQUEST_INVALID, E_BODY_TOO_LARGE naming the field. */
export async function receiveUpload(
  store: FileStore,
  owner: Owner,
  request: Request,
): Promise<Upload> {
  const writers: FileWriter[] = [];
  try {
    const form = await readForm(request, {
      maxFileBytes: MAX_FILE_BYTES,
      tooLarge,
      begin(filename = 'file.jsonl') {
        const writer = new FileWriter(store, {
          owner,
          id: newFileId(),
          filename,
          purpose: PURPOSE,
        });
        writers.push(writer);
        return writer;
      },
    });
    const { ignored, purpose } = checkFields(form);
    // The form may say it after the file, and large files are begun with it.
    if (purpose !== PURPOSE && writers[0]!.isBegun) throw tooLarge(PART_BYTES);
    writers[0]!.purpose = purpose;
    // A form without a file has been refused already.
    return { file: await writers[0]!.finish(), ignored };
  } catch (error) {
    await writers[0]?.abandon();
    throw error;
  }
}

/** @returns the names of fields that have no effect, and the purpose */
function checkFields({ fields, fileBytes }: ReadForm): {
  readonly ignored: string[];
  readonly purpose: FilePurpose;
} {
  const asked = fields.get('purpose')?.at(-1) ?? null;
  const purpose = UPLOAD_PURPOSES.find((one) => one === asked);
  const names = [...fields.keys()].filter((name) => name !== 'purpose');
  const refused = names.find((name) => REFUSED_FIELD.test(name));
  if (refused !== undefined) throw unsupported(refused.slice(0, MAX_SHOWN_CHARS));
  if (purpose === undefined) throw wrongPurpose(asked);
  if (fileBytes === 0) throw invalidField('file', 'expected requests, got 0 bytes');
  return { ignored: names, purpose };
}

function unsupported(name: string): EngineError {
  return invalidField(name, 'is not supported yet; expected it to be absent');
}

function wrongPurpose(purpose: string | null): EngineError {
  const got = purpose === null ? 'nothing' : JSON.stringify(purpose.slice(0, 80));
  return invalidField('purpose', `expected "${UPLOAD_PURPOSES.join('", "')}", got ${got}`);
}

function tooLarge(maxFileBytes = MAX_FILE_BYTES): EngineError {
  return new EngineError(
    'E_BODY_TOO_LARGE',
    `file: is larger than ${maxFileBytes} bytes. Split it into several ${maxFileBytes === MAX_FILE_BYTES ? 'batches' : 'files'}.`,
    { param: 'file', details: { maxFileBytes } },
  );
}
