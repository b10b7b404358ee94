/** Format of samples without a header, from the query: `?encoding=pcm16&sample_rate=8000&channels=2`. */
import { invalidField } from '../../../platform/invalid-field.ts';
import { SAMPLE_RATE } from '../../../../engine/transcribe/types.ts';
import type { RawFormat } from '../../../audio/open-audio.ts';

const ENCODING = 'pcm16';

/** @returns null for files with a header */
export function rawFormatOf(request: Request): RawFormat | null {
  const query = new URL(request.url).searchParams;
  const encoding = query.get('encoding');
  if (encoding === null) return null;
  if (encoding !== ENCODING)
    throw invalidField(
      'encoding',
      `expected ${ENCODING}, got ${JSON.stringify(encoding.slice(0, 40))}. Leave it out for files with a header`,
    );
  return {
    sampleRate: wholeNumber(query, 'sample_rate', SAMPLE_RATE),
    nChannel: wholeNumber(query, 'channels', 1),
  };
}

/** @throws {EngineError} E_REQUEST_INVALID when it is not a whole number. */
export function wholeNumber(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw invalidField(
    name,
    `expected a whole number, got ${JSON.stringify(text.slice(0, 40))}. Write it in digits`,
  );
}
