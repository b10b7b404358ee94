/** POST /v1/responses/input_tokens. */
import { z } from 'zod';
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { RESPONSES_REFUSED } from '../../http/body/refused.ts';
import { chatSteps } from '../../serving/generation/run-chat.ts';
import { mediaPositions } from '../../serving/senses/marks.ts';
import { sensesOf } from '../../serving/senses/senses.ts';
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
    const counted = { ...body, store: false, conversation: undefined };
    const { items: fresh } = await describeItems(env, caller, counted, added, request.signal);
    const input = [...history, ...fresh];
    const turn = { caller, body, input, nNew: fresh.length };
    const { model, messages, tools } = await readTurn(env, turn, request.signal);
    record.modelId = model.id;
    const all = [...messages.history, ...messages.fresh];
    const steps = chatSteps(model, all, { field: 'input', tools: tools?.tools ?? [] });
    const { length } = await inTurns(steps, takeTurn);
    const nMedia = mediaPositions(all, sensesOf(model));
    return Response.json({ object: 'response.input_tokens', input_tokens: length + nMedia });
  },
});
