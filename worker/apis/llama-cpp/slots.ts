/** GET /slots, in the format of llama.cpp's server. */
import { z } from 'zod';
import { MAX_SEQUENCES } from '../../../engine/model/decoder/plan.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { stageStatus } from '../../serving/clients/stage-client.ts';
import { count } from '../../serving/fields/common.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';

const slot = z.strictObject({ id: count, n_ctx: count, is_processing: z.boolean() });

export const llamaSlots = defineEndpoint({
  name: 'llamaSlots',
  method: 'GET',
  path: '/slots',
  tag: 'models',
  scope: 'read',
  summary: 'How many generations of the default model run',
  description: 'A slot is room for a generation. What is generated, and for whom, is not shown.',
  responses: [{ status: 200, what: 'a slot each', schema: z.array(slot) }],
  examples: [{ title: 'Ask' }],
  async handle({ env, caller }) {
    const model = await findModel(env.MODELS, await defaultModelId(env), caller);
    const { nCtx, engine } = await stageStatus(env, caller, model);
    return Response.json(
      Array.from({ length: MAX_SEQUENCES }, (_, id) => ({
        ...{ id, n_ctx: nCtx, is_processing: id < engine.nRunning },
      })),
    );
  },
});
