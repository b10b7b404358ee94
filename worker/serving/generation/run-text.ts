/** Continues a text as it is, without a template. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { checkTexts } from '../policy/check-input.ts';
import { refuseTooLong } from './prompt-length.ts';
import { runGeneration } from './run-generation.ts';
import type { Delta, GenerationPlan } from './run-generation.ts';

export interface TextPlan extends Omit<GenerationPlan, 'promptTokens' | 'atTextStart'> {
  /** A text, or token ids. */
  readonly text: string | readonly number[];
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
  const { tokenizer } = model;
  const isText = typeof text === 'string';
  if (isText) refuseTooLong(model, text.length, promptField);
  const given = isText ? text : tokenizer.decode(text);
  const [passed] = await checkTexts(env, caller, [given], promptField);
  const promptTokens =
    !isText && passed === given
      ? text
      : await inTurns(tokenizer.encodeSteps(passed!, { special, bos: true }), takeTurn);
  yield* runGeneration({ ...plan, promptTokens, atTextStart: false });
}
