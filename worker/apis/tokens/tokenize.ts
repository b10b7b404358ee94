/** POST /tokenize. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { z } from 'zod';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { modelField, strictField } from '../../serving/fields/common.ts';
import { withName } from '../../http/body/server-names.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

/** One to three seconds of work at worst (digits), in slices. */
const MAX_TOKENIZE_CHARS = 1_000_000;

export const tokenize = defineEndpoint({
  name: 'tokenize',
  method: 'POST',
  path: '/tokenize',
  tag: 'text',
  scope: 'chat',
  summary: 'Convert text to token ids',
  description: 'The text may also be called "content" or "prompt", as in other servers.',
  adapt: (json) => withName(json, ['content', 'prompt'], 'text'),
  body: z
    .looseObject({
      model: modelField,
      text: z.string().max(MAX_TOKENIZE_CHARS),
      add_special: z.boolean().default(false),
      parse_special: z.boolean().default(false),
      strict: strictField,
    })
    .meta({ id: 'TokenizeRequest' }),
  responses: [
    {
      status: 200,
      what: 'the token ids',
      schema: z.strictObject({ tokens: z.array(z.number().int()) }),
    },
  ],
  examples: [{ title: 'Ids of a text', body: { text: 'The sea is blue.' } }],
  async handle({ env, caller, body }) {
    const { tokenizer } = await findModel(
      env.MODELS,
      body.model ?? (await defaultModelId(env)),
      caller,
    );
    const options = { special: body.parse_special, bos: body.add_special };
    const tokens = await inTurns(tokenizer.encodeSteps(body.text, options), takeTurn);
    return Response.json({ tokens });
  },
});
