/** POST /v1/audio/speech: OpenAI's body, and its events. */
import { z } from 'zod';
import { SPEECH_FORMATS } from './formats.ts';
import type { SpeechFormat } from './formats.ts';
import { modelField, strictField } from '../../../serving/fields/common.ts';
import type { RefusedParameter } from '../../../http/body/refused.ts';

/** OpenAI's limit. */
export const MAX_SPEECH_CHARS = 4096;
const SPEEDS = [0.25, 4] as const;

/** A model has one voice, which every name of OpenAI's voices stands for. */
export const VOICES = [
  'default',
  ...['alloy', 'ash', 'ballad', 'cedar', 'coral', 'echo', 'fable', 'marin', 'nova', 'onyx'],
  ...['sage', 'shimmer', 'verse'],
] as const;

const isFormat = (text: string): text is SpeechFormat =>
  SPEECH_FORMATS.some((format) => format === text);

/** OpenAI also has aac, and mp3 is its default: the message says what to do. */
const formatField = z
  .string()
  .refine(
    isFormat,
    'expected wav, mp3, opus, flac or pcm; aac is not supported, but any encoder reads wav',
  )
  .meta({ enum: [...SPEECH_FORMATS] });

export const speechBodySchema = z
  .looseObject({
    model: modelField,
    input: z
      .string()
      .min(1)
      .max(
        MAX_SPEECH_CHARS,
        `expected at most ${MAX_SPEECH_CHARS} characters; send longer texts in parts`,
      ),
    voice: z.enum(VOICES).default('default'),
    speed: z.number().min(SPEEDS[0]).max(SPEEDS[1]).default(1),
    response_format: formatField.default('mp3'),
    stream_format: z.enum(['audio', 'sse']).default('audio'),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional(),
    strict: strictField,
  })
  .meta({ id: 'SpeechRequest' });

export const SPEECH_REFUSED: readonly RefusedParameter[] = [
  {
    name: 'instructions',
    passes: { text: '""', test: (value) => value === '' },
    why: 'is not supported: a voice has one way of speaking; expected it to be absent',
  },
];

export const speechEventSchema = z.union([
  z.strictObject({
    type: z.literal('speech.audio.delta'),
    audio: z.string().describe('base64 of the next bytes'),
  }),
  z.strictObject({
    type: z.literal('speech.audio.done'),
    usage: z.strictObject({
      input_tokens: z.number().int().describe('characters of the text: voices have no tokenizer'),
      output_tokens: z.number().int().describe('parts of 20 ms of the speech'),
      total_tokens: z.number().int(),
    }),
  }),
]);
