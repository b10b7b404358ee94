/** POST /tokenize and /detokenize. */
import { EngineError } from '../../../engine/base/errors.ts';
import { findModel } from '../model-store.ts';
import { readJsonBody } from '../schemas/json-body.ts';
import { detokenizeBodySchema, tokenizeBodySchema } from '../schemas/tokenize.ts';
import type { Route } from './route.ts';

export const tokenize: Route = {
  method: 'POST',
  path: '/tokenize',
  async handle({ request, env }) {
    const body = await readJsonBody(request, tokenizeBodySchema);
    const { tokenizer } = await findModel(env.MODELS, body.model ?? env.DEFAULT_MODEL);
    const options = { special: body.parse_special, bos: body.add_special };
    return Response.json({ tokens: tokenizer.encode(body.text, options) });
  },
};

export const detokenize: Route = {
  method: 'POST',
  path: '/detokenize',
  async handle({ request, env }) {
    const { model, tokens } = await readJsonBody(request, detokenizeBodySchema);
    const { tokenizer } = await findModel(env.MODELS, model ?? env.DEFAULT_MODEL);
    const index = tokens.findIndex((token) => token >= tokenizer.nVocab);
    if (index >= 0)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `tokens[${index}]: expected an id below ${tokenizer.nVocab}, got ${tokens[index]}.`,
        { param: `tokens[${index}]` },
      );
    return Response.json({ text: tokenizer.decode(tokens) });
  },
};
