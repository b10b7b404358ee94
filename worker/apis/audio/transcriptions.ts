/** POST /v1/audio/transcriptions. */
import { MAX_AUDIO_BYTES, MAX_AUDIO_SECONDS } from '../../audio/decode-stream.ts';
import { answerSound } from './recognition/answer-sound.ts';
import { soundFieldsSchema } from './recognition/fields.ts';
import {
  transcriptEventSchema,
  transcriptSchema,
  verboseTranscriptSchema,
} from './recognition/transcript-json.ts';
import { defineEndpoint, type ResponseRow } from '../../http/endpoint.ts';

export const SOUND_RESPONSES: readonly ResponseRow[] = [
  {
    status: 200,
    what: 'the text (response_format json); verbose_json, text, srt and vtt have their own form',
    schema: transcriptSchema.or(verboseTranscriptSchema),
    event: transcriptEventSchema,
  },
];
export const RAW_QUERY = {
  encoding: 'pcm16 when the file is samples without a header',
  sample_rate: 'of such samples; 16000 when left out',
  channels: 'of such samples; 1 when left out',
} as const;

export const transcriptions = defineEndpoint({
  name: 'createTranscription',
  method: 'POST',
  path: '/v1/audio/transcriptions',
  tag: 'audio',
  summary: 'What is said in a recording',
  description:
    `A form (multipart/form-data) with the field "file": WAV, FLAC, MP3 or Ogg Opus of at most ${MAX_AUDIO_BYTES} ` +
    `bytes and ${MAX_AUDIO_SECONDS} seconds, at any sample rate. Times of words come with ` +
    '"timestamp_granularities[]" = "word" and "response_format" = "verbose_json". With "stream" the text ' +
    'comes segment by segment.',
  query: RAW_QUERY,
  form: soundFieldsSchema,
  responses: SOUND_RESPONSES,
  examples: [{ title: 'Without a file it is refused', form: { language: 'en' }, status: 400 }],
  handle: (context) => answerSound(context, 'transcribe'),
});
