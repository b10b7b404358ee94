/** DELETE /v1/responses/:id. */
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { askStored } from './ask-stored.ts';
import { defineResponseEndpoint } from './env.ts';

export const deleteResponse = defineResponseEndpoint({
  name: 'deleteResponse',
  method: 'DELETE',
  path: '/v1/responses/:id',
  tag: 'responses',
  scope: 'chat',
  summary: 'Delete a response',
  description: 'Responses that continued it keep what they need.',
  params: { id: 'id of the stored response' },
  responses: [deletedRow('response.deleted')],
  examples: [
    {
      title: 'Delete a response',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
    },
  ],
  async handle(context) {
    const id = await askStored(context, async (stored, id) =>
      (await stored.remove()) ? id : null,
    );
    return deletedJson('response.deleted', id);
  },
});
