/** Transcripts in OpenAI's shapes. */
import { z } from 'zod';
import type { Tokenizer } from '../../../../engine/text/tokenizer.ts';
import type { RecognitionTask } from '../../../../engine/transcribe/types.ts';
import type {
  TranscriptSegment,
  TranscriptSummary,
} from '../../../../engine/transcribe/recording/transcript.ts';
import { languageName } from './languages.ts';

const usageSchema = z.strictObject({ type: z.literal('duration'), seconds: z.number() });
const tokenCount = z.number().int();
/** OpenAI's usage of a stream counts tokens. */
const tokenUsageSchema = z.strictObject({
  type: z.literal('tokens'),
  input_tokens: tokenCount.describe('positions of the encoder: 50 for a second of the recording'),
  input_token_details: z.strictObject({ text_tokens: tokenCount, audio_tokens: tokenCount }),
  output_tokens: tokenCount,
  total_tokens: tokenCount,
});

const segmentSchema = z.strictObject({
  id: z.number().int(),
  seek: z.number().int(),
  start: z.number(),
  end: z.number(),
  text: z.string(),
  tokens: z.array(z.number().int()),
  temperature: z.number(),
  avg_logprob: z.number(),
  compression_ratio: z.number(),
  no_speech_prob: z.number(),
});
const wordSchema = z.strictObject({
  word: z.string(),
  start: z.number(),
  end: z.number(),
  probability: z.number().describe('extension'),
});

const logprobsSchema = z
  .array(
    z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.number().int()) }),
  )
  .describe('with "include[]" logprobs: tokens of the text, of the model\'s own distribution');

export const transcriptSchema = z
  .strictObject({ text: z.string(), logprobs: logprobsSchema.optional(), usage: usageSchema })
  .meta({ id: 'Transcription' });

export const verboseTranscriptSchema = z
  .strictObject({
    task: z.enum(['transcribe', 'translate']),
    language: z.string(),
    duration: z.number(),
    text: z.string(),
    segments: z.array(segmentSchema).optional(),
    words: z.array(wordSchema).optional(),
    usage: usageSchema,
    thimble: z
      .strictObject({
        truncated: z.boolean().describe('whether the file ends before its header says it does'),
        windows: z.number().int(),
        encode_ms: z.number(),
        decode_ms: z.number(),
      })
      .describe('extension'),
  })
  .meta({ id: 'TranscriptionVerbose' });

export const transcriptEventSchema = z
  .union([
    z.strictObject({
      type: z.literal('transcript.text.delta'),
      delta: z.string(),
      logprobs: logprobsSchema.optional(),
    }),
    z.strictObject({
      type: z.literal('transcript.text.segment'),
      id: z.string(),
      start: z.number(),
      end: z.number(),
      text: z.string(),
      speaker: z.string(),
    }),
    z.strictObject({
      type: z.literal('transcript.text.done'),
      text: z.string(),
      logprobs: logprobsSchema.optional(),
      usage: tokenUsageSchema,
    }),
  ])
  .meta({ id: 'TranscriptionEvent' });

type Usage = z.output<typeof usageSchema>;

/** JSON has no infinity. */
const MIN_PROBABILITY = 1e-30;

/** OpenAI rounds seconds up. */
export function usageOf({ seconds }: TranscriptSummary): Usage {
  return { type: 'duration', seconds: Math.ceil(seconds) };
}

/** Whisper's encoder has a position for each 20 ms. */
const AUDIO_TOKENS_PER_SECOND = 50;

export function tokenUsageOf({
  seconds,
  decodedTokens,
}: TranscriptSummary): z.output<typeof tokenUsageSchema> {
  const heard = Math.ceil(seconds * AUDIO_TOKENS_PER_SECOND);
  return {
    type: 'tokens',
    input_tokens: heard,
    input_token_details: { text_tokens: 0, audio_tokens: heard },
    output_tokens: decodedTokens,
    total_tokens: heard + decodedTokens,
  };
}

export function textOf(segments: readonly TranscriptSegment[]): string {
  return segments
    .map(({ text }) => text)
    .join('')
    .trim();
}

/** @returns what an answer has of it: nothing unless it was asked for */
export function logprobsOf(
  segments: readonly TranscriptSegment[],
  tokenizer: Tokenizer | null,
): { readonly logprobs?: z.output<typeof logprobsSchema> } {
  if (tokenizer === null) return {};
  const logprobs = segments.flatMap(({ tokens, probabilities }) =>
    (probabilities ?? []).map((probability, i) => {
      const bytes = tokenizer.tokenBytes(tokens[i]!);
      const token = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes);
      return {
        token,
        logprob: Math.log(Math.max(probability, MIN_PROBABILITY)),
        bytes: [...bytes],
      };
    }),
  );
  return { logprobs };
}

export function segmentJson(segment: TranscriptSegment): z.output<typeof segmentSchema> {
  return {
    id: segment.id,
    seek: segment.seek,
    start: segment.start,
    end: segment.end,
    text: segment.text,
    tokens: [...segment.tokens],
    temperature: segment.temperature,
    avg_logprob: segment.avgLogprob,
    compression_ratio: segment.compressionRatio,
    no_speech_prob: segment.noSpeechProb,
  };
}

export function verboseJson(
  segments: readonly TranscriptSegment[],
  summary: TranscriptSummary,
  options: {
    readonly task: RecognitionTask;
    readonly isTruncated: boolean;
    readonly wantsSegments: boolean;
    readonly wantsWords: boolean;
  },
): z.output<typeof verboseTranscriptSchema> {
  return {
    task: options.task,
    language: languageName(summary.language),
    duration: Math.round(summary.seconds * 1000) / 1000,
    text: textOf(segments),
    ...(options.wantsSegments ? { segments: segments.map(segmentJson) } : {}),
    ...(options.wantsWords ? { words: segments.flatMap(({ words }) => words ?? []) } : {}),
    usage: usageOf(summary),
    thimble: {
      truncated: options.isTruncated,
      windows: summary.nWindow,
      encode_ms: summary.encodeMs,
      decode_ms: summary.decodeMs,
    },
  };
}
