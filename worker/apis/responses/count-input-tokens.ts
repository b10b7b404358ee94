/** POST /v1/responses/input_tokens. */
import { z } from 'zod';
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { RESPONSES_REFUSED } from '../../http/body/refused.ts';
import { chatSteps } from '../../serving/generation/run-chat.ts';
import { readHistory } from './conversation-turns.ts';
import { defineResponseEndpoint } from './env.ts';
import { describeItems, newItems, newResponseId } from './input.ts';
import { withPictureFiles } from './picture-files.ts';
import { readReferences } from './references.ts';
import { readTurn } from './run-response.ts';
import { responseBodySchema } from './schema.ts';

export const countInputTokens = defineResponseEndpoint({
  name: 'countInputTokens',
  method: 'POST',
  path: '/v1/responses/input_tokens',
  tag: 'responses',
  scope: 'chat',
  summary: "Count the tokens of a response's input",
  description:
    'Takes the body of POST /v1/responses, and counts its instructions, tools, input and the conversation before it as the ' +
    'model would read them. Nothing is generated or stored.',
  body: responseBodySchema,
  takesPictures: true,
  refused: RESPONSES_REFUSED,
  responses: [
    {
      status: 200,
      what: 'the number of tokens',
      schema: z
        .strictObject({
          object: z.literal('response.input_tokens'),
          input_tokens: z.number().int(),
        })
        .meta({ id: 'ResponseInputTokens' }),
    },
  ],
  examples: [{ title: 'A text', body: { input: 'Name three things a bicycle needs.' } }],
  async handle({ env, caller, body, record, request }) {
    const history = await readHistory(env, caller, body);
    const referenced = await readReferences(env, caller, body.input);
    const asked = await withPictureFiles(env, caller, body.input);
    const added = newItems(asked, newResponseId(), referenced);
    const { items: fresh } = await describeItems(env, caller, body, added, request.signal);
    const input = [...history, ...fresh];
    const { model, messages, tools } = await readTurn(env, {
      caller,
      body,
      input,
      nNew: fresh.length,
    });
    record.modelId = model.id;
    const steps = chatSteps(model, [...messages.history, ...messages.fresh], {
      ...{ field: 'input', tools: tools?.tools ?? [] },
    });
    const { length } = await inTurns(steps, takeTurn);
    return Response.json({ object: 'response.input_tokens', input_tokens: length });
  },
});
