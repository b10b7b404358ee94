/** How large a recording may be; the gateway reads these without the decoders. */
import { EngineError } from '../../engine/base/errors.ts';

/** OpenAI's own limit for uploads of audio. */
export const MAX_AUDIO_BYTES: number = 25 * 1024 * 1024;
/** Longest recording; a longer one would run into the platform's limit of five minutes of CPU. */
export const MAX_AUDIO_SECONDS = 3600;

export function audioTooLarge(): EngineError {
  return new EngineError(
    'E_BODY_TOO_LARGE',
    `file: more than ${MAX_AUDIO_BYTES} bytes; expected at most that. Send a compressed recording ` +
      '(FLAC, MP3, Opus), or parts of it.',
    { param: 'file', details: { maxBytes: MAX_AUDIO_BYTES } },
  );
}
