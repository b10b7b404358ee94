/** The model that a body names: names of hosted models stand for the default one. */
import { isKnownName } from '../../serving/models/known-names.ts';
import type { NameUse } from '../../serving/models/known-names.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { Tag } from '../endpoint.ts';

/** What models are named for. */
const USES: Readonly<Partial<Record<Tag, NameUse>>> = {
  generation: 'text',
  responses: 'text',
  messages: 'text',
  tasks: 'text',
  text: 'text',
  retrieval: 'embedding',
  audio: 'sound',
};

/** The body, without a name that stands for the default model. @throws {EngineError} E_REQUEST_INVALID */
export async function withOwnModel(tag: Tag, env: ServingEnv, body: unknown): Promise<unknown> {
  const use = USES[tag];
  if (use === undefined || typeof body !== 'object' || body === null) return body;
  const { model, ...rest } = body as { model?: unknown };
  if (typeof model !== 'string' || !(await isKnownName(env, use, model, body))) return body;
  return rest;
}
