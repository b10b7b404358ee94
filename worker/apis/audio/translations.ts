/** POST /v1/audio/translations. */
import { answerSound } from './recognition/answer-sound.ts';
import { soundFieldsSchema } from './recognition/fields.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { RAW_QUERY, SOUND_RESPONSES } from './transcriptions.ts';

export const translations = defineEndpoint({
  name: 'createTranslation',
  method: 'POST',
  path: '/v1/audio/translations',
  tag: 'audio',
  scope: 'audio',
  summary: 'Transcribe a recording into English',
  description:
    'Like /v1/audio/transcriptions, for speech in any language. Needs a multilingual model.',
  query: RAW_QUERY,
  form: soundFieldsSchema,
  responses: SOUND_RESPONSES,
  examples: [{ title: 'Refused without a file', form: { prompt: 'A talk.' }, status: 400 }],
  handle: (context) => answerSound(context, 'translate'),
});
