/** JSON from files: parsed with a named error, and optionally checked for names met twice. */
import { EngineError } from '../base/errors.ts';
import { invalidFile } from './byte-source.ts';

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/**
 * @throws {EngineError} E_FORMAT_INVALID when `data` is not a JSON object in UTF-8.
 */
export function parseJsonObject(
  name: string,
  data: Uint8Array,
  { noDuplicateKeys = false } = {},
): JsonObject {
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(data);
    json = JSON.parse(text);
  } catch (cause) {
    throw new EngineError(
      'E_FORMAT_INVALID',
      `${name}: broken JSON; ${cause instanceof Error ? cause.message.slice(0, 120) : ''}. ` +
        'The file is damaged or cut off: fetch it again.',
      { cause },
    );
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalidFile(name, 'is not a JSON object', 'an object');
  if (noDuplicateKeys) checkTopLevelKeys(name, text);
  return json as JsonObject;
}

/**
 * JSON.parse silently keeps the last of two equal names; a file with two is refused instead.
 * The text is valid JSON here, so that strings and brackets are all that has to be told apart.
 */
function checkTopLevelKeys(name: string, text: string): void {
  const seen = new Set<string>();
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (char !== '"') continue;
    const end = findStringEnd(text, at);
    if (depth === 1 && isKeyEnd(text, end + 1)) {
      const key = JSON.parse(text.slice(at, end + 1)) as string;
      if (seen.has(key))
        throw invalidFile(name, `name ${key.slice(0, 80)} is listed twice`, 'once');
      seen.add(key);
    }
    at = end;
  }
}

/** The index of the quote that closes the string opened at `start`. */
function findStringEnd(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}

function isKeyEnd(text: string, start: number): boolean {
  let at = start;
  while (' \t\r\n'.includes(text[at] ?? ':')) at++;
  return text[at] === ':';
}
