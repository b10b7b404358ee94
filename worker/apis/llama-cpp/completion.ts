/** POST /completion and /infill, in the shape of llama.cpp's server. */
import { invalidField } from '../../platform/invalid-field.ts';
import { answer } from '../../http/answer.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import type { EndpointContext } from '../../http/endpoint.ts';
import { chatFormat } from '../../serving/output/constraint.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { encodePrompt } from '../../serving/generation/text-prompts.ts';
import { runText } from '../../serving/generation/run-text.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import { withOwnNames } from '../../http/body/server-names.ts';
import { fillTokens } from './fill-tokens.ts';
import { infillBody, llamaCompletionBody, llamaCompletionSchema } from './schema.ts';
import type { LlamaBody } from './schema.ts';
import { completionEvents, LLAMA_SSE, wholeCompletion } from './shape.ts';

type Context = Pick<EndpointContext<LlamaBody>, 'env' | 'caller' | 'body' | 'request' | 'record'>;

const responses = [
  {
    status: 200,
    what: 'the answer, or server-sent events, of which the last has "stop": true',
    schema: llamaCompletionSchema,
    event: llamaCompletionSchema,
  },
];

export const llamaCompletion = defineEndpoint({
  name: 'llamaCompletion',
  method: 'POST',
  path: '/completion',
  tag: 'generation',
  scope: 'chat',
  summary: "Continue a text, in the format of llama.cpp's server",
  description: '"n_predict" and "repeat_penalty" are taken, as all parameters of /v1/completions.',
  body: llamaCompletionBody,
  adapt: withOwnNames,
  responses,
  examples: [
    { title: 'A text to continue', body: { prompt: 'Once upon a time', n_predict: 16 } },
    { title: 'Streamed', body: { prompt: 'Once upon a time', n_predict: 16, stream: true } },
  ],
  async handle(context) {
    const model = await modelOf(context);
    return await answerText(context, model, context.body.prompt);
  },
});

export const llamaInfill = defineEndpoint({
  name: 'llamaInfill',
  method: 'POST',
  path: '/infill',
  tag: 'generation',
  scope: 'chat',
  summary: 'Fill the gap between a beginning and an end',
  description: 'For models that have tokens for it, such as Qwen2.5-Coder.',
  body: infillBody,
  adapt: withOwnNames,
  responses,
  examples: [
    {
      title: 'A model without such tokens',
      body: { input_prefix: 'def one():\n    return ', input_suffix: '\n', n_predict: 8 },
      status: 400,
    },
  ],
  async handle(context) {
    const { input_prefix: before, input_suffix: after, prompt } = context.body;
    const model = await modelOf(context);
    const tokens = fillTokens(model.tokenizer);
    if (tokens === null)
      throw invalidField(
        'model',
        `${model.id} has no tokens for filling a gap; expected a model that has, such as qwen2.5-coder-0.5b-instruct`,
      );
    const ids: number[] = [];
    for (const [token, text, field] of [
      [tokens.prefix, before, 'input_prefix'],
      [tokens.suffix, after, 'input_suffix'],
      [tokens.middle, prompt, 'prompt'],
    ] as const)
      ids.push(token, ...(await encodePrompt(model, text, { special: false, bos: false, field })));
    return await answerText(context, model, ids, tokens.ends);
  },
});

async function modelOf({ env, caller, body }: Context): Promise<ServedModel> {
  return await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
}

async function answerText(
  { env, caller, body, request, record }: Context,
  model: ServedModel,
  text: string | readonly number[],
  ends: readonly number[] = [],
): Promise<Response> {
  const made = await generationParams(
    body,
    {
      maxTokens: body.max_tokens,
      // Tokens come with their log-probabilities.
      topLogprobs: body.return_tokens ? 0 : null,
      ignoreEos: body.ignore_eos,
      format: chatFormat(body.response_format),
    },
    model,
  );
  const params = { ...made, stopTokens: [...made.stopTokens, ...ends] };
  const plan = { env, caller, model, params, promptField: 'prompt', special: true };
  return await answer({
    ...{ modelId: model.id, signal: request.signal, record },
    ...{ stream: body.stream, sse: LLAMA_SSE },
    run: (signal, onWaiting) => runText({ ...plan, text, signal, onWaiting }),
    chunks: (deltas) => completionEvents(model.id, deltas),
    whole: (deltas) => wholeCompletion(model.id, deltas),
  });
}
