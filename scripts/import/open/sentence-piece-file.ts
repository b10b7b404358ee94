/**
 * The tokenizer.json of a folder that has only SentencePiece's tokenizer.model (original Llama, Mistral
 * and Gemma): its pieces, and the tokens that the files beside it add to them.
 */
import type { JsonObject } from '../../../engine/formats/json.ts';
import { readSentencePiece, sentencePieceJson } from '../../../engine/text/sentence-piece.ts';
import { MAX_VOCAB } from '../../../engine/text/vocabulary-json.ts';
import { asObject } from './hf-config.ts';

/**
 * @param tokenizerConfig tokenizer_config.json, whose added_tokens_decoder lists tokens by id
 * @param addedTokens added_tokens.json: ids by their text
 * @throws {EngineError} E_FORMAT_INVALID, E_TOKENIZER_INVALID
 */
export function tokenizerJsonFromSentencePiece(
  bytes: Uint8Array,
  tokenizerConfig: JsonObject,
  addedTokens: JsonObject,
): string {
  const json = sentencePieceJson(readSentencePiece(bytes));
  const byId = new Map<unknown, object>();
  for (const row of json['added_tokens'] as { id: number }[]) byId.set(row.id, row);
  for (const [content, id] of Object.entries(addedTokens))
    if (!byId.has(id)) byId.set(id, addedRow(id, { content }));
  for (const [key, row] of Object.entries(asObject(tokenizerConfig['added_tokens_decoder']) ?? {}))
    byId.set(Number(key), addedRow(Number(key), asObject(row) ?? {}));
  const rows = [...byId].filter(([id]) => typeof id === 'number' && id >= 0 && id < MAX_VOCAB);
  return JSON.stringify({ ...json, added_tokens: rows.map(([, row]) => row) });
}

/** A token that a file adds; without more it is special, as markers of turns are. */
function addedRow(id: unknown, row: JsonObject): object {
  const { content = '', special = true, lstrip = false, rstrip = false, normalized = false } = row;
  return { id, content, single_word: false, lstrip, rstrip, normalized, special };
}
