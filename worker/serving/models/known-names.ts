/**
 * Names of hosted models that programs insist on. Where no model and no alias has such a name, the default model of
 * its kind answers, and says its own name. MODEL_ALIASES = "off" makes them unknown, as every other name is.
 */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { readManifest } from '../../platform/model-files.ts';
import type { ServingEnv } from '../env.ts';
import { resolveModel } from './model-names.ts';

/** Kinds of requests in which a name means a model. */
export type NameUse = 'text' | 'embedding' | 'sound';

interface KnownNames {
  readonly use: NameUse;
  readonly names: RegExp;
  /** @throws {EngineError} E_REQUEST_INVALID for what only the hosted model could read */
  readonly check?: (body: object, name: string) => void;
}

const KNOWN: readonly KnownNames[] = [
  { use: 'text', names: /^(?:chatgpt-|gpt-[345]|o[134](?:$|-)|claude-|davinci-|text-davinci-)/ },
  { use: 'embedding', names: /^text-embedding-/, check: refuseIds },
  { use: 'sound', names: /^(?:whisper-1|tts-1(?:-hd)?|gpt-4o-(?:mini-)?(?:transcribe|tts).*)$/ },
];

/** How long it is believed that a model has a name, or that none has. */
const BELIEVED_MS = 30_000;
interface Belief {
  readonly isModel: boolean;
  readonly untilMs: number;
}
const beliefs = new RecentCache<string, Belief>({ maxEntries: 100 });

type Env = Pick<ServingEnv, 'MODELS' | 'MODEL_ALIASES'>;

/** Whether the default model answers for `name`. @param body of the request, where there is one */
export async function isKnownName(
  env: Env,
  use: NameUse,
  name: string,
  body: object = {},
): Promise<boolean> {
  const row = KNOWN.find((known) => known.use === use && known.names.test(name));
  if (row === undefined || env.MODEL_ALIASES === 'off') return false;
  if (await isModel(env, name)) return false;
  row.check?.(body, name);
  return true;
}

/** Whether a model, or an alias of one, has this name. */
async function isModel({ MODELS }: Env, name: string): Promise<boolean> {
  const belief = beliefs.get(name);
  if (belief !== undefined && belief.untilMs > Date.now()) return belief.isModel;
  const { id, adapter } = await resolveModel(MODELS, name);
  const isAlias = adapter === null && id !== name;
  const found = isAlias || (await readManifest(MODELS, id)) !== null;
  beliefs.set(name, { isModel: found, untilMs: Date.now() + BELIEVED_MS });
  return found;
}

/** Token ids mean other texts in another vocabulary. */
function refuseIds(body: object, name: string): void {
  const input: unknown = 'input' in body ? body.input : null;
  const first: unknown = Array.isArray(input) ? input[0] : null;
  if (typeof first !== 'number' && !Array.isArray(first)) return;
  throw invalidField(
    'input',
    `token ids of ${name}'s tokenizer mean other texts here; expected texts ` +
      '(LangChain: check_embedding_ctx_length=False), or the name of a model of this server',
  );
}
