/** Variables of wrangler.toml under the names they have and had. */
import { expect, test } from 'vitest';
import { readRenamed } from '../../../worker/platform/vars.ts';

test.each([
  [{ VOICE_MODEL: 'new' }, 'new'],
  [{ SPEECH_MODEL: 'old' }, 'old'],
  [{ VOICE_MODEL: 'default', SPEECH_MODEL: 'old' }, 'old'],
  [{ VOICE_MODEL: 'new', SPEECH_MODEL: '' }, 'new'],
  [{ VOICE_MODEL: '', SPEECH_MODEL: '' }, undefined],
  [{ RECOGNITION_MODEL: 'other', TRANSCRIPTION_MODEL: 'other' }, undefined],
])('the voice of %j is %s', (env, voice) => {
  expect(readRenamed(env, 'VOICE_MODEL')).toBe(voice);
});

test('each has a former name of its own', () => {
  const env = { RECOGNITION_MODEL: 'r', SPEECH_MODEL: 's' };
  expect(readRenamed(env, 'RECOGNITION_MODEL')).toBe('r');
  expect(readRenamed({ ...env, TRANSCRIPTION_MODEL: 't' }, 'RECOGNITION_MODEL')).toBe('t');
});
