/** Refuses texts that are too long for the context however they are tokenized, before tokenizing them. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { ServedModel } from '../models/model-store.ts';

/**
 * A character is at least one byte, and a token at most `longestTokenBytes`: this gives a lower bound on
 * the number of tokens. The stage counts exactly.
 * @throws {EngineError} E_PROMPT_TOO_LONG with both lengths.
 */
export function refuseTooLong(model: ServedModel, nChar: number, param: string): void {
  const { nCtx } = model.manifest.config;
  const atLeast = Math.ceil(nChar / model.tokenizer.longestTokenBytes);
  if (atLeast <= nCtx) return;
  throw new EngineError(
    'E_PROMPT_TOO_LONG',
    `${param}: at least ${atLeast} tokens (${nChar} characters), but this model's maximum context length is ` +
      `${nCtx} tokens (${model.id}). Shorten the prompt.`,
    { param, details: { promptTokens: atLeast, nCtx } },
  );
}
