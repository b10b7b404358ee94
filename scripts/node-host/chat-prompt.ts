/** A user's message in a model's chat template, as token ids: what `generate --chat` evaluates. */
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import type { LocalModel } from './engine.ts';

/** @throws {EngineError} what rendering the template throws; E_REQUEST_INVALID without a template. */
export function encodeChat(
  { tokenizer, manifest }: Pick<LocalModel, 'tokenizer' | 'manifest'>,
  content: string,
): number[] {
  const { bosId, eosIds } = manifest.tokenizer;
  const { text, sentinel } = new ChatTemplate(manifest.chatTemplate).render(
    [{ role: 'user', content }],
    {
      bosToken: tokenizer.literalOf(bosId),
      eosToken: tokenizer.literalOf(eosIds[0]),
      specialLiterals: tokenizer.specialLiterals,
    },
  );
  return tokenizer.encodeTemplate(text, sentinel);
}
