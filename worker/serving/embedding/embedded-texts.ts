/** Texts to embed, as servers' own formats send them: one, or a list. */
import { z } from 'zod';
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import type { ServingEnv } from '../env.ts';
import { embed } from './embed.ts';
import type { EncoderModel } from './find-encoder.ts';
import { textIds } from './text-ids.ts';

export const MAX_TEXTS = 1000;
export const MAX_TEXT_CHARS = 100_000;

export const embeddedTexts = z.union(
  [z.string(), z.array(z.string().max(MAX_TEXT_CHARS)).min(1).max(MAX_TEXTS)],
  `expected a text or 1 to ${MAX_TEXTS} texts`,
);

/**
 * @param field name of the field that the texts came in
 * @throws {EngineError} E_PROMPT_TOO_LONG naming the text that does not fit
 */
export async function embedTexts(
  env: ServingEnv,
  caller: Caller,
  model: EncoderModel,
  { texts, field, client }: EmbedTextsOptions,
): Promise<{ readonly vectors: readonly Float32Array[]; readonly nToken: number }> {
  const ids = await textIds(model, [texts].flat(), {
    truncate: false,
    nameOf: (index) => (Array.isArray(texts) ? `${field}[${index}]` : field),
  });
  const vectors = await embed(env, caller, model, ids, client);
  return { vectors, nToken: ids.reduce((sum, { length }) => sum + length, 0) };
}

export interface EmbedTextsOptions {
  readonly texts: z.output<typeof embeddedTexts>;
  readonly field: string;
  readonly client: Client;
}
