/** POST /v1/audio/speech. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { errorBody } from '../../http/error-response.ts';
import { readRenamed } from '../../platform/vars.ts';
import { findAnyModel } from '../../serving/models/model-store.ts';
import {
  MAX_SPEECH_CHARS,
  SPEECH_REFUSED,
  speechBodySchema,
  speechEventSchema,
} from './voice/schema.ts';
import { sseResponse } from '../../http/sse.ts';
import { audioResponse } from './voice/audio-response.ts';
import { SPEECH_FORMAT_ROWS } from './voice/formats.ts';
import type { SpeechUsage } from './voice/formats.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

const input = 'Hello there. It is five past nine.';

export const createSpeech = defineEndpoint({
  name: 'createSpeech',
  method: 'POST',
  path: '/v1/audio/speech',
  tag: 'audio',
  scope: 'audio',
  summary: 'Turn text into speech',
  description:
    `Like OpenAI's endpoint, for English texts of up to ${MAX_SPEECH_CHARS} characters. The body is sent ` +
    "sentence by sentence, as it is made: MP3, Opus in Ogg, FLAC, 16-bit WAV at the voice's sample rate (the header does " +
    'not state the length), or raw 16-bit samples at 24,000 Hz. docs/audio.md says how ' +
    'numbers, dates and abbreviations are read.',
  body: speechBodySchema,
  refused: SPEECH_REFUSED,
  responses: [
    { status: 200, what: 'the audio', contentType: 'audio/mpeg', event: speechEventSchema },
  ],
  examples: [
    { title: 'Nothing to say', body: { input: '😀', model: 'nothing' }, status: 404 },
    { title: 'Another format', body: { input, response_format: 'aac' }, status: 400 },
    { title: 'Another voice', body: { input, voice: 'nobody' }, status: 400 },
  ],
  async handle({ env, caller, body, request, record }) {
    const modelId = body.model ?? readRenamed(env, 'VOICE_MODEL') ?? '';
    const { manifest } = await findAnyModel(env.MODELS, modelId, caller);
    record.modelId = manifest.id;
    const { speed, seed } = body;
    const options = { text: body.input, speed, ...(seed === undefined ? {} : { seed }) };
    const voice = { env, call: caller, manifest, request: options, signal: request.signal };
    const { contentType, open } = SPEECH_FORMAT_ROWS[body.response_format];
    const usage = { nChar: [...body.input].length, seconds: 0 };
    const chunks = await open(voice, usage);
    if (body.stream_format === 'audio') return audioResponse(chunks, contentType, record);
    const shape = { isNamed: false, last: null, failure: errorBody };
    return await sseResponse(speechEvents(chunks, usage), shape, record, () => {});
  },
});

/** Parts of a second of speech that OpenAI's usage counts as tokens, like those of a recording. */
const AUDIO_TOKENS_PER_SECOND = 50;

interface RequestUsage extends SpeechUsage {
  /** Characters of the text: voices have no tokenizer. */
  readonly nChar: number;
}

async function* speechEvents(
  chunks: AsyncGenerator<Uint8Array, void, void>,
  usage: RequestUsage,
): AsyncGenerator<unknown, void, void> {
  for await (const bytes of chunks) yield { type: 'speech.audio.delta', audio: toBase64(bytes) };
  const spoken = Math.ceil(usage.seconds * AUDIO_TOKENS_PER_SECOND);
  yield {
    type: 'speech.audio.done',
    usage: {
      input_tokens: usage.nChar,
      output_tokens: spoken,
      total_tokens: usage.nChar + spoken,
    },
  };
}
