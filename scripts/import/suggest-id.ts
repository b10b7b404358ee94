/** An id for a model, from the name of its file. */
import { basename, extname } from 'node:path';

const MAX_ID_CHARS = 64;

export function suggestId(source: string): string {
  const stem = basename(source, extname(source)).toLowerCase();
  return (
    stem
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, MAX_ID_CHARS) || 'my-model'
  );
}
