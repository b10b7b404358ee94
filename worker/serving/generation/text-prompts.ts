/** Prompts without a template: texts or token ids, encoded, and as the policy leaves them. */
import { inTurns } from '../../../engine/base/turns.ts';
import type { Caller } from '../../platform/caller.ts';
import { takeTurn } from '../../platform/turns.ts';
import type { ServingEnv } from '../env.ts';
import type { ServedModel } from '../models/model-store.ts';
import { checkTexts } from '../policy/check-input.ts';
import { judges } from '../policy/decide.ts';
import { readPolicy } from '../policy/policy.ts';
import { refuseTooLong } from './prompt-length.ts';

export type TextPrompt = string | readonly number[];

export interface PromptOptions {
  /** Whether names of special tokens in a text are those tokens. */
  readonly special: boolean;
  /** Whether a text begins with the model's BOS token, if it has one: by default it does. */
  readonly bos?: boolean;
  /** Field of the request that the prompts came from. */
  readonly field: string;
}

/** Token ids of a prompt. @throws {EngineError} E_PROMPT_TOO_LONG */
export async function encodePrompt(
  model: ServedModel,
  prompt: TextPrompt,
  { special, bos = true, field }: PromptOptions,
): Promise<readonly number[]> {
  if (typeof prompt !== 'string') return prompt;
  refuseTooLong(model, prompt.length, field);
  return await inTurns(model.tokenizer.encodeSteps(prompt, { special, bos }), takeTurn);
}

/**
 * Token ids of prompts as the policy leaves them.
 * @param encoded ids of each of the prompts
 * @throws {EngineError} E_POLICY_BLOCKED, E_POLICY_UNAVAILABLE, E_PROMPT_TOO_LONG
 */
export async function checkPrompts(
  env: ServingEnv,
  caller: Caller,
  model: ServedModel,
  prompts: readonly TextPrompt[],
  encoded: readonly (readonly number[])[],
  options: PromptOptions,
): Promise<readonly (readonly number[])[]> {
  if (!judges(await readPolicy(env), 'input')) return encoded;
  const texts: string[] = [];
  for (const prompt of prompts)
    texts.push(
      typeof prompt === 'string'
        ? prompt
        : await inTurns(model.tokenizer.decodeSteps(prompt), takeTurn),
    );
  const checked = await checkTexts(env, caller, texts, options.field);
  const passed: (readonly number[])[] = [];
  for (const [i, ids] of encoded.entries())
    passed.push(checked[i] === texts[i] ? ids : await encodePrompt(model, checked[i]!, options));
  return passed;
}
