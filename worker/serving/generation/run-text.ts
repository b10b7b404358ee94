/** Continues a text as it is, without a template. */
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { runGeneration } from './run-generation.ts';
import type { Delta, GenerationPlan } from './run-generation.ts';
import { checkPrompts, encodePrompt } from './text-prompts.ts';
import type { TextPrompt } from './text-prompts.ts';

export interface TextPlan extends Omit<GenerationPlan, 'prompt' | 'atTextStart'> {
  readonly text: TextPrompt;
  /** Whether names of special tokens in the text are those tokens. */
  readonly special: boolean;
}

/** @throws {EngineError} E_POLICY_BLOCKED, E_POLICY_UNAVAILABLE, E_PROMPT_TOO_LONG; errors of the stage */
export async function* runText({
  text,
  special,
  ...plan
}: TextPlan): AsyncGenerator<Delta, void, void> {
  const { env, caller, model, promptField } = plan;
  const options = { special, field: promptField };
  const ids = await encodePrompt(model, text, options);
  const [promptTokens] = await checkPrompts(env, caller, model, [text], [ids], options);
  yield* runGeneration({ ...plan, prompt: tokenPrompt(promptTokens!), atTextStart: false });
}
