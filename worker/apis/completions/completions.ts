/** POST /v1/completions. */
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { completionChunkSchema, completionSchema } from '../../serving/fields/answers.ts';
import { completionBodySchema } from './schema.ts';
import { COMPLETION_REFUSED } from '../../http/body/refused.ts';
import { answerCompletion } from './answer-completion.ts';
import { withOwnNames } from '../../http/body/server-names.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const completions = defineEndpoint({
  name: 'completions',
  method: 'POST',
  path: '/v1/completions',
  tag: 'generation',
  scope: 'chat',
  summary: 'Continue a text',
  description: 'One or several prompts, as texts or token ids; no chat template is applied.',
  body: completionBodySchema,
  adapt: withOwnNames,
  refused: COMPLETION_REFUSED,
  responses: [
    {
      status: 200,
      what: 'the continuation, or chunks of it as server-sent events that end with [DONE]',
      schema: completionSchema,
      event: completionChunkSchema,
    },
  ],
  examples: [
    { title: 'A continuation', body: { prompt: 'The sea is', max_tokens: 20, temperature: 0 } },
    {
      title: 'The best of three by mean log-probability',
      body: { prompt: 'The sea is', max_tokens: 12, best_of: 3, seed: 1 },
    },
    {
      title: 'Two continuations of two texts, streamed',
      body: { prompt: ['The sea is', 'One day'], n: 2, max_tokens: 8, seed: 1, stream: true },
    },
    {
      title: 'Log-probabilities of a text',
      body: { prompt: 'The sea is blue', max_tokens: 0, echo: true, logprobs: 2 },
    },
    {
      title: 'Filling in the middle is refused',
      body: { prompt: 'The sea', suffix: 'blue' },
      status: 400,
    },
  ],
  async handle({ request, env, caller, body, record }) {
    const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
    return await answerCompletion({ env, caller, model, body, signal: request.signal, record });
  },
});
