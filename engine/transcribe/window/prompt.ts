/** Tokens before an answer: earlier text, special tokens of language and task, a known beginning. */
import { EngineError } from '../../base/errors.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { TranscribeOptions } from '../types.ts';

export interface DecoderPrompt {
  readonly tokens: readonly number[];
  /** The end of `tokens` that is part of the answer: its known beginning. */
  readonly known: readonly number[];
  /** Index of the start token: the probabilities after it tell whether anything is said. */
  readonly startIndex: number;
  /** Tokens an answer has room for. */
  readonly maxTokens: number;
}

/** The start token, and in multilingual models those of language and task. */
export function startTokens(
  { tokens, isMultilingual }: RecognitionConfig,
  language: string,
  task: TranscribeOptions['task'],
): number[] {
  if (!isMultilingual) return [tokens.startOfTranscript];
  return [tokens.startOfTranscript, languageToken(tokens, language), tokens[task]];
}

function languageToken({ languages }: RecognitionConfig['tokens'], language: string): number {
  const found = languages.find(({ code }) => code === language);
  if (found !== undefined) return found.token;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `language: ${JSON.stringify(language.slice(0, 20))} is not known to the model; expected one of ` +
      `${languages.map(({ code }) => code).join(', ')}. Leave it out to have it detected.`,
    { param: 'language', details: { language } },
  );
}

/** An answer takes at most half of the context, earlier text at most the other half. */
export function buildPrompt(
  config: RecognitionConfig,
  options: TranscribeOptions,
  language: string,
): DecoderPrompt {
  const { tokens, nTextCtx } = config;
  const half = Math.floor(nTextCtx / 2);
  const before =
    options.promptTokens.length === 0
      ? []
      : [tokens.startOfPrevious, ...options.promptTokens.slice(-(half - 1))];
  const start = startTokens(config, language, options.task);
  const signs = options.withTimestamps ? start : [...start, tokens.noTimestamps];
  const opening = options.withTimestamps ? [tokens.timestampBegin] : [];
  const known = options.prefixTokens.length === 0 ? [] : [...opening, ...options.prefixTokens];
  const all = [...before, ...signs, ...known];
  return {
    tokens: all,
    known,
    startIndex: before.length,
    maxTokens: Math.max(1, Math.min(options.maxTokens ?? half, half, nTextCtx - all.length)),
  };
}
