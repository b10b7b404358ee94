/** A configuration: a JSON file, checked by a schema. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';

/** @param name of the file, for errors @throws {EngineError} E_USAGE naming the file and the field */
export function parseConfig<S extends z.ZodType>(
  schema: S,
  text: string,
  name: string,
): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new EngineError('E_USAGE', `${name}: is not JSON (${what}). Mend it.`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new EngineError(
    'E_USAGE',
    `${name}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'is not a configuration'}. Mend it.`,
    { param: path },
  );
}

/** @throws {EngineError} E_USAGE for a file that cannot be read */
export async function readConfigText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    const what = error instanceof Error ? error.message : String(error);
    throw new EngineError('E_USAGE', `${path}: cannot be read (${what}). Give a configuration.`);
  });
}
