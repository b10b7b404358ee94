/** Files of pictures, as they are sent to servers. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { toBase64 } from '../../engine/base/base64.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { MAX_PICTURE_BYTES } from '../../worker/serving/vision/picture-bytes.ts';

/** Endings of pictures. */
export const PICTURE_ENDINGS = ['.png', '.jpg', '.jpeg', '.webp', '.gif'] as const;
const ENDINGS: ReadonlySet<string> = new Set(PICTURE_ENDINGS);

export const isPictureName = (name: string): boolean => ENDINGS.has(extname(name).toLowerCase());

/**
 * A file as a data: URL; servers tell its type by its content.
 * @param command that is named when it cannot be read
 * @throws {EngineError} E_USAGE
 */
export async function pictureUrlOf(path: string, command: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const what = `${command}: ${path}; expected a file that can be read.`;
    throw new EngineError('E_USAGE', what, { cause });
  });
  if (bytes.length > MAX_PICTURE_BYTES)
    throw new EngineError(
      'E_USAGE',
      `${command}: ${path}; expected at most ${MAX_PICTURE_BYTES} bytes, got ${bytes.length}. Make the picture smaller.`,
    );
  return `data:;base64,${toBase64(bytes)}`;
}
