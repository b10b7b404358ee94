/**
 * A prompt's answers as one stream of deltas. Knows no API and no HTTP: chat completions, plain
 * completions, responses and messages are shapes over it.
 */
import type { Caller } from '../../platform/caller.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import type { GenerateRequest, Speculation } from '../../../engine/generate/types.ts';
import type { SamplingParams } from '../../../engine/sample/params.ts';
import type { ServingEnv } from '../env.ts';
import type { ServedModel } from '../models/model-store.ts';
import { generateEvents } from '../clients/stage-client.ts';
import { mergeStreams } from './merge.ts';
import type { CallSyntax } from '../output/tool-formats.ts';
import { textEvents } from './text-events.ts';
import { type AnswerEvent, countTokens, toolEvents } from './tool-events.ts';

/** What an answer is made with, resolved: the same whichever API asked. */
export interface GenerationParams {
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly stops: readonly string[];
  /** Alternatives reported with each token; null reports no log-probabilities. */
  readonly topLogprobs: number | null;
  /** Also report the prompt's own. */
  readonly promptLogprobs: boolean;
  readonly ignoreEos: boolean;
  readonly speculation: Speculation;
  /** Answers to the prompt, made side by side; answer i has the seed plus i. */
  readonly nChoice: number;
  /** What the answers are held to; null is free text. */
  readonly constraint: ConstraintRequest | null;
  /** Calls in the answers become deltas of their own; null when there are no tools. */
  readonly calls: CallSyntax | null;
}

export interface GenerationPlan {
  readonly env: Pick<ServingEnv, 'STAGE'>;
  /** What was evaluated for one caller is reused for no other. */
  readonly caller: Caller;
  readonly model: ServedModel;
  readonly promptTokens: readonly number[];
  /** The request's field the prompt came from, for errors. */
  readonly promptField: string;
  /** The answer begins a text of its own, not the prompt's continuation. */
  readonly atTextStart: boolean;
  readonly params: GenerationParams;
  readonly signal: AbortSignal;
}

/** start, prompt (at most once), (text | call, arguments*)*, done: in this order for each choice, choices interleaved. */
export type Delta = AnswerEvent & { readonly choice: number };

/**
 * Ending the iteration early, or the signal, ends the generations within a token.
 * @throws {EngineError} what the stage reports
 */
export async function* runGeneration(plan: GenerationPlan): AsyncGenerator<Delta, void, void> {
  const { params } = plan;
  if (params.nChoice === 1) {
    for await (const event of runChoice(plan, 0, plan.signal)) yield { ...event, choice: 0 };
    return;
  }
  const abort = new AbortController();
  const signal = AbortSignal.any([plan.signal, abort.signal]);
  const choices = Array.from({ length: params.nChoice }, (_, i) => runChoice(plan, i, signal));
  try {
    for await (const { index, value } of mergeStreams(choices)) yield { ...value, choice: index };
  } finally {
    abort.abort();
  }
}

function runChoice(
  { env, caller, model, promptTokens, promptField, atTextStart, params }: GenerationPlan,
  choice: number,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void, void> {
  const { constraint, calls } = params;
  const request: GenerateRequest = {
    prompt: tokenPrompt(promptTokens),
    maxTokens: params.maxTokens,
    sampling: { ...params.sampling, seed: params.sampling.seed + choice },
    stopTokens: params.ignoreEos ? [] : model.tokenizer.facts.eosIds,
    topLogprobs: params.topLogprobs,
    // The same for all choices.
    promptLogprobs: params.promptLogprobs,
    speculation: params.speculation,
    ...(constraint === null ? {} : { constraint }),
  };
  const events = generateEvents(env, caller, model, request, signal, promptField);
  if (calls === null)
    return textEvents(events, model.tokenizer, { stops: params.stops, atTextStart });
  // Stop strings end texts, not calls: they are looked for behind the calls' being split off.
  const count = { n: 0 };
  const counted = countTokens(events, count);
  const texts = textEvents(counted, model.tokenizer, { stops: [], atTextStart, special: true });
  return toolEvents(texts, calls, params.stops, count);
}
