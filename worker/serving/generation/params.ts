/** The fields of a checked body as the parameters of a generation. */
import type { z } from 'zod';
import { inTurns } from '../../../engine/base/turns.ts';
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
    sampling: samplingParams(fields, model.tokenizer),
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
