/** Languages by code and by English name, as people and programs write them. */
import { invalidField } from '../../../platform/invalid-field.ts';
import type { RecognitionConfig } from '../../../../engine/manifest/recognition-config.ts';

/** Whisper's code for Javanese is none of ISO 639's. */
const CODES: Readonly<Record<string, string>> = { jw: 'jv' };
const names = new Intl.DisplayNames(['en'], { type: 'language' });

/** `german` for `de`, as OpenAI's answers have it. */
export function languageName(code: string): string {
  return (names.of(CODES[code] ?? code) ?? code).toLowerCase();
}

/**
 * A model's code for a language given as code (`de`, `de-CH`) or name (`German`).
 * @throws {EngineError} E_REQUEST_INVALID with the codes there are.
 */
export function findLanguage(given: string, { isMultilingual, tokens }: RecognitionConfig): string {
  const codes = isMultilingual ? tokens.languages.map(({ code }) => code) : ['en'];
  const wanted = given.toLowerCase();
  const found = codes.find(
    (code) => wanted === code || wanted.split(/[-_]/)[0] === code || wanted === languageName(code),
  );
  if (found !== undefined) return found;
  throw invalidField(
    'language',
    `expected one of ${codes.join(', ')}, got ${JSON.stringify(given.slice(0, 40))}. ` +
      'Leave it out to have it detected',
    { details: { codes } },
  );
}
