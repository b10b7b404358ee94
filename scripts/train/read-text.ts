/** Texts to learn from, as files have them. */
import { readFile } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';

/**
 * @param field what names the file, for errors
 * @throws {EngineError} E_USAGE for what cannot be read or is not UTF-8
 */
export async function readText(file: string, field: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    const what = error instanceof Error ? error.message : String(error);
    throw new EngineError('E_USAGE', `${field}: ${file}: cannot be read (${what}).`);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new EngineError(
      'E_USAGE',
      `${field}: ${file}: is not UTF-8. Save it as UTF-8, or take another file.`,
    );
  }
}
