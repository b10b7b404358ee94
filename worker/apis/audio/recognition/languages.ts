/** Languages by code and by English name. */
import { invalidField } from '../../../platform/invalid-field.ts';
import type { RecognitionConfig } from '../../../../engine/manifest/recognition-config.ts';

/** Whisper's code for Javanese is not one of ISO 639. */
const CODES: Readonly<Record<string, string>> = { jw: 'jv' };
const names = new Intl.DisplayNames(['en'], { type: 'language' });

/** Name of a language as in OpenAI's answers: `german` for `de`. */
export function languageName(code: string): string {
  return (names.of(CODES[code] ?? code) ?? code).toLowerCase();
}

/**
 * The model's code for a language given by code (`de`, `de-CH`) or name (`German`).
 * @throws {EngineError} E_REQUEST_INVALID naming the field, with the known codes.
 */
export function findLanguage(
  given: string,
  { isMultilingual, tokens }: RecognitionConfig,
  field = 'language',
): string {
  const codes = isMultilingual ? tokens.languages.map(({ code }) => code) : ['en'];
  const wanted = given.toLowerCase();
  const found = codes.find(
    (code) => wanted === code || wanted.split(/[-_]/)[0] === code || wanted === languageName(code),
  );
  if (found !== undefined) return found;
  throw invalidField(
    field,
    `expected one of ${codes.join(', ')}, got ${JSON.stringify(given.slice(0, 40))}. ` +
      'Leave it out to detect it',
    { details: { codes } },
  );
}
