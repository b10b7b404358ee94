/** POST /detokenize. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { modelField, strictField } from '../../serving/fields/common.ts';
import { tokenId } from '../completions/schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

/** More than any context has; some tenths of a second of work, in slices. */
export const MAX_DETOKENIZE_TOKENS = 500_000;

export const detokenize = defineEndpoint({
  name: 'detokenize',
  method: 'POST',
  path: '/detokenize',
  tag: 'text',
  scope: 'chat',
  summary: 'Convert token ids to text',
  body: z
    .looseObject({
      model: modelField,
      tokens: z.array(tokenId).max(MAX_DETOKENIZE_TOKENS),
      strict: strictField,
    })
    .meta({ id: 'DetokenizeRequest' }),
  responses: [{ status: 200, what: 'the text', schema: z.strictObject({ text: z.string() }) }],
  examples: [{ title: 'The text of ids', body: { tokens: [72, 105] } }],
  async handle({ env, caller, body }) {
    const { model, tokens } = body;
    const { tokenizer } = await findModel(env.MODELS, model ?? (await defaultModelId(env)), caller);
    const index = tokens.findIndex((token) => token >= tokenizer.nVocab);
    if (index >= 0)
      throw invalidField(
        `tokens[${index}]`,
        `expected an id below ${tokenizer.nVocab}, got ${tokens[index]}`,
      );
    return Response.json({ text: await inTurns(tokenizer.decodeSteps(tokens), takeTurn) });
  },
});
