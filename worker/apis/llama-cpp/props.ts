/** GET /props, /health, /ping and /version: what clients of llama.cpp's server and of vLLM ask first. */
import { z } from 'zod';
import { servedContext } from '../../../engine/model/decoder/plan.ts';
import { MAX_SEQUENCES } from '../../../engine/model/decoder/plan.ts';
import { VERSION } from '../../platform/version.ts';
import { readCount } from '../../platform/vars.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { propsSchema } from './schema.ts';

export const llamaProps = defineEndpoint({
  name: 'llamaProps',
  method: 'GET',
  path: '/props',
  tag: 'models',
  scope: 'read',
  summary: "The default model, in the format of llama.cpp's server",
  responses: [{ status: 200, what: 'its context, template and tokens', schema: propsSchema }],
  examples: [{ title: 'Ask' }],
  async handle({ env, caller }) {
    const { id, manifest, named, tokenizer } = await findModel(
      env.MODELS,
      await defaultModelId(env),
      caller,
    );
    const { bosId, eosIds } = tokenizer.facts;
    const wanted = readCount(env.CONTEXT_TOKENS) ?? undefined;
    return Response.json({
      ...{ model_alias: id, model_path: manifest.source },
      chat_template: manifest.chatTemplate ?? '',
      bos_token: tokenizer.literalOf(bosId),
      eos_token: tokenizer.literalOf(eosIds[0]),
      total_slots: MAX_SEQUENCES,
      default_generation_settings: {
        n_ctx: named.placed?.nCtx ?? servedContext(manifest.config, wanted),
      },
      build_info: `thimble ${VERSION}`,
    });
  },
});

const ok = z.strictObject({ status: z.literal('ok') });
const alive = (name: string, path: string) =>
  defineEndpoint({
    ...{ name, path, method: 'GET', tag: 'server', scope: null },
    summary: 'Whether the gateway runs; as /healthz',
    responses: [{ status: 200, what: 'it runs', schema: ok }],
    examples: [{ title: 'Ask' }],
    handle: () => Response.json({ status: 'ok' }),
  });

export const health = alive('health', '/health');
export const ping = alive('ping', '/ping');

export const version = defineEndpoint({
  name: 'version',
  method: 'GET',
  path: '/version',
  tag: 'server',
  scope: 'read',
  summary: 'Version of this server',
  responses: [
    { status: 200, what: 'the version', schema: z.strictObject({ version: z.string() }) },
  ],
  examples: [{ title: 'Ask' }],
  handle: () => Response.json({ version: VERSION }),
});
