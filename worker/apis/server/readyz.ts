/** GET /readyz: the default model answers. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { EVERY_MODEL } from '../../platform/caller.ts';
import { generateEvents, stageStatus } from '../../serving/clients/stage-client.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

/** Version of the model that last answered; it is not probed again while it stays the same. */
let readyVersion: string | null = null;

export const readyz = defineEndpoint({
  name: 'readyz',
  method: 'GET',
  path: '/readyz',
  tag: 'server',
  scope: null,
  summary: 'Whether the default model answers',
  responses: [
    {
      status: 200,
      what: 'the model has answered; its context and memory',
      schema: z.strictObject({
        status: z.literal('ready'),
        model: z.string(),
        context_length: z.number().int(),
        running: z.number().int(),
        wasm_bytes: z.number().int(),
        kernels: z.string(),
      }),
    },
  ],
  examples: [{ title: 'Ask' }],
  async handle({ request, env, caller }) {
    const model = await findDefaultModel(env);
    if (readyVersion !== model.version) {
      const probe = {
        prompt: tokenPrompt([model.tokenizer.facts.bosId ?? 0]),
        maxTokens: 1,
        sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
        stopTokens: [],
        topLogprobs: null,
        promptLogprobs: false,
      };
      for await (const event of generateEvents(env, caller, model, probe, request.signal))
        if (event.type === 'done') readyVersion = model.version;
    }
    const { nCtx, engine } = await stageStatus(env, caller, model);
    const { nRunning, wasmBytes, kernelBuild } = engine;
    return Response.json({
      status: 'ready',
      model: model.id,
      context_length: nCtx,
      running: nRunning,
      wasm_bytes: wasmBytes,
      kernels: kernelBuild,
    });
  },
});

/** That no model is there yet is a transient state: 503, not 404. */
async function findDefaultModel(env: ServingEnv): ReturnType<typeof findModel> {
  try {
    return await findModel(env.MODELS, await defaultModelId(env), EVERY_MODEL);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_MODEL_NOT_FOUND') throw error;
    throw new EngineError('E_BACKEND_UNAVAILABLE', `not ready: ${error.message}`, {
      details: error.details,
    });
  }
}
