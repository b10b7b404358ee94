/** POST /v1/audio/transcriptions. */
import { MAX_AUDIO_BYTES, MAX_AUDIO_SECONDS } from '../../audio/limits.ts';
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
    what: 'the text (response_format json); verbose_json, text, srt and vtt have their own formats',
    schema: transcriptSchema.or(verboseTranscriptSchema),
    event: transcriptEventSchema,
  },
];
export const RAW_QUERY = {
  encoding: 'pcm16 for a file of 16-bit samples without a header',
  sample_rate: 'with encoding, the sample rate in Hz; default 16000',
  channels: 'with encoding, the number of channels; default 1',
} as const;

export const transcriptions = defineEndpoint({
  name: 'createTranscription',
  method: 'POST',
  path: '/v1/audio/transcriptions',
  tag: 'audio',
  scope: 'audio',
  summary: 'Transcribe a recording',
  description:
    `A form (multipart/form-data) with the field "file": WAV, FLAC, MP3, M4A, AAC, or Opus in Ogg or WebM of at most ${MAX_AUDIO_BYTES} ` +
    `bytes and ${MAX_AUDIO_SECONDS} seconds, at any sample rate. For times of words, set ` +
    '"timestamp_granularities[]" to "word" and "response_format" to "verbose_json"; for log-probabilities of tokens, ' +
    '"include[]" to "logprobs". "languages[]" are those that may be spoken, of which the likeliest is taken; ' +
    '"keywords[]" are words or phrases that are likely to occur. With "stream", the text ' +
    'is sent segment by segment.',
  query: RAW_QUERY,
  form: soundFieldsSchema,
  responses: SOUND_RESPONSES,
  examples: [{ title: 'Refused without a file', form: { language: 'en' }, status: 400 }],
  handle: (context) => answerSound(context, 'transcribe'),
});
