/** Colours for people: none in a pipe or a file, and none where NO_COLOR (no-color.org) is set. */
import process from 'node:process';
import { styleText } from 'node:util';

export interface ColourStream {
  readonly isTTY?: boolean;
}

type Format = Parameters<typeof styleText>[0];

/** `text` in a format such as `bold`, `dim` or `red`, where `stream` shows colours. */
export function colour(
  format: Format,
  text: string,
  stream: ColourStream = process.stdout,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const isPlain = stream.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return isPlain ? text : styleText(format, text, { validateStream: false });
}
