/** The language of a text, by its n-grams of bytes (eld, Apache-2.0: 60 languages). */
import { eld } from 'eld/small';

/** Characters read of a text: enough to detect it, and a bound on the time that a long one takes. */
const MAX_CHARS = 1000;
/** For a text that is too short, without words, or of no known language. */
export const UNKNOWN_LANGUAGE = 'unknown';

/** An ISO 639-1 code, or `unknown`. */
export function languageOf(text: string): string {
  const { language } = eld.detect(text.slice(0, MAX_CHARS));
  return language === '' ? UNKNOWN_LANGUAGE : language;
}
