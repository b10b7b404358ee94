/** POST /v1/completions. */
import { answerCompletion } from '../generation/completion.ts';
import { findModel } from '../model-store.ts';
import { completionBodySchema } from '../schemas/completions.ts';
import { readJsonBody } from '../schemas/json-body.ts';
import type { Route } from './route.ts';

export const completions: Route = {
  method: 'POST',
  path: '/v1/completions',
  async handle({ request, env }) {
    const body = await readJsonBody(request, completionBodySchema);
    const model = await findModel(env.MODELS, body.model ?? env.DEFAULT_MODEL);
    return await answerCompletion({ env, model, body, signal: request.signal });
  },
};
