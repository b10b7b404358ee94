/** POST /v1/audio/speech: OpenAI's body, and what is told of one speech. */
import { z } from 'zod';
import { SPEECH_FORMATS } from './formats.ts';
import type { SpeechFormat } from './formats.ts';
import { modelField, strictField } from '../../../serving/fields/common.ts';
import type { RefusedParameter } from '../../../http/body/refused.ts';

/** As OpenAI's. */
export const MAX_SPEECH_CHARS = 4096;
const SPEEDS = [0.25, 4] as const;

/** A model has one voice: OpenAI's names for theirs are taken to mean it. */
export const VOICES = [
  'default',
  ...['alloy', 'ash', 'ballad', 'cedar', 'coral', 'echo', 'fable', 'marin', 'nova', 'onyx'],
  ...['sage', 'shimmer', 'verse'],
] as const;

const isFormat = (text: string): text is SpeechFormat =>
  SPEECH_FORMATS.some((format) => format === text);

/** OpenAI has mp3, opus, aac and flac, too, and mp3 when nothing is said: told with what to do. */
const formatField = z
  .string()
  .refine(
    isFormat,
    'expected wav or pcm; other formats are not made here, but any encoder takes these',
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
    response_format: formatField.default('wav'),
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
    why: 'is not supported: these voices speak in one way; expected it to be absent',
  },
];

export const speechEventSchema = z.union([
  z.strictObject({
    type: z.literal('speech.audio.delta'),
    audio: z.string().describe('base64 of the next bytes'),
  }),
  z.strictObject({ type: z.literal('speech.audio.done') }),
]);
