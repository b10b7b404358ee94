/** The fields of a checked body as the parameters of a generation. */
import type { z } from 'zod';
import { inTurns } from '../../../engine/base/turns.ts';
import type { SamplingParams } from '../../../engine/sample/params.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { takeTurn } from '../../platform/turns.ts';
import {
  type generationFields,
  MAX_CHOICE_TOKENS,
  MAX_MAX_TOKENS,
  samplingParams,
} from '../fields/common.ts';
import {
  callSyntax,
  constraintSteps,
  type FormatSource,
  formatSource,
} from '../output/constraint.ts';
import type { ToolUse } from '../output/tools.ts';
import type { ServedModel } from '../models/model-store.ts';
import { refuseTooLong } from './prompt-length.ts';
import type { GenerationParams } from './run-generation.ts';

type Fields = Omit<
  z.output<z.ZodObject<typeof generationFields>>,
  'model' | 'stream' | 'stream_options' | 'max_tokens' | 'user'
>;

/** What the APIs express in different fields. */
interface Own {
  readonly maxTokens: number | undefined;
  readonly topLogprobs: number | null;
  readonly promptLogprobs?: boolean;
  readonly ignoreEos?: boolean;
  readonly nChoice?: number;
  /** The answer's format according to the API's own fields. */
  readonly format?: FormatSource | null;
  readonly tools?: ToolUse | null;
}

/** @throws {EngineError} E_REQUEST_INVALID for a token outside the vocabulary, or a length that a format decides */
function endings(
  { min_tokens: minTokens, stop_token_ids: stopTokens, bad_words: words }: Fields,
  format: FormatSource | null,
  { tokenizer }: ServedModel,
): Pick<SamplingParams, 'minTokens' | 'endTokens' | 'bannedWords'> {
  if (minTokens > 0 && format !== null)
    throw invalidField('min_tokens', 'has no effect with a format; leave one of them out');
  const outside = stopTokens.find((token) => token >= tokenizer.nVocab);
  if (outside !== undefined)
    throw invalidField(
      'stop_token_ids',
      `id ${outside} is not in the vocabulary; expected 0 to ${tokenizer.nVocab - 1}`,
    );
  // Inside a text most words begin with a space.
  const bannedWords = words
    .flatMap((word) => [word, ` ${word}`])
    .map((word) => tokenizer.encode(word, { special: false }))
    .filter((tokens) => tokens.length > 0);
  return { minTokens, endTokens: [...tokenizer.facts.eosIds, ...stopTokens], bannedWords };
}

/** By default `maxTokens` is what the context leaves; with several choices, each one's share of it. */
export async function generationParams(
  fields: Fields,
  own: Own,
  model: ServedModel,
): Promise<GenerationParams> {
  const { nChoice = 1, tools = null } = own;
  // Before their schemas are compiled: the prompt holds every one of them.
  if (tools !== null) refuseTooLong(model, JSON.stringify(tools.tools).length, 'tools');
  const most = nChoice === 1 ? MAX_MAX_TOKENS : Math.floor(MAX_CHOICE_TOKENS / nChoice);
  const format = formatSource(fields, own.format);
  const calls = callSyntax(model, format, tools);
  return {
    maxTokens: own.maxTokens ?? most,
    sampling: {
      ...samplingParams(fields, model.tokenizer, model.manifest.sampling),
      ...endings(fields, format, model),
    },
    stopTokens: fields.stop_token_ids,
    stops: fields.stop,
    topLogprobs: own.topLogprobs,
    promptLogprobs: own.promptLogprobs ?? false,
    ignoreEos: own.ignoreEos ?? false,
    speculation: fields.speculation,
    nChoice,
    constraint: await inTurns(constraintSteps(format, tools, calls), takeTurn),
    calls,
  };
}
