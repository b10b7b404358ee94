/** Pictures that a request names by the id of an uploaded file, as the data: URLs that they are otherwise. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import type { Caller } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { MAX_PICTURE_BYTES, MAX_PICTURES } from '../../serving/vision/picture-bytes.ts';
import { openFile } from '../files/stored-file.ts';
import type { FileStore } from '../files/stored-file.ts';
import type { NewItem } from './item-schema.ts';

/** @param field of the items, for errors @throws {EngineError} E_REQUEST_INVALID naming the part */
export async function withPictureFiles(
  store: FileStore,
  caller: Caller,
  input: readonly NewItem[],
  field = 'input',
): Promise<NewItem[]> {
  const read: NewItem[] = [];
  let nFile = 0;
  for (const [i, item] of input.entries()) {
    const isMessage = item.type === undefined || item.type === 'message';
    if (!isMessage || typeof item.content === 'string') {
      read.push(item);
      continue;
    }
    const content: typeof item.content = [];
    for (const [j, part] of item.content.entries()) {
      const id = part.type === 'input_image' && part.image_url == null ? part.file_id : null;
      if (part.type !== 'input_image' || id == null) {
        content.push(part);
        continue;
      }
      const param = `${field}[${i}].content[${j}].file_id`;
      if (++nFile > MAX_PICTURES)
        throw invalidField(param, `expected at most ${MAX_PICTURES} pictures, got more`);
      content.push({ ...part, image_url: await dataUrlOf(store, caller, id, param) });
    }
    read.push({ ...item, content });
  }
  return read;
}

async function dataUrlOf(
  store: FileStore,
  caller: Caller,
  id: string,
  param: string,
): Promise<string> {
  const stream = await openFile(store, caller, id);
  if (stream === null)
    throw invalidField(param, `no file ${JSON.stringify(id.slice(0, 80))}; upload it first`);
  const chunks: Uint8Array[] = [];
  let nByte = 0;
  for await (const chunk of stream) {
    nByte += chunk.length;
    if (nByte > MAX_PICTURE_BYTES)
      throw invalidField(param, `expected at most ${MAX_PICTURE_BYTES} bytes a picture, got more`);
    chunks.push(chunk);
  }
  return `data:;base64,${toBase64(joinBytes(chunks))}`;
}
