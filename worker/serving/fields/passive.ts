/**
 * Parameters of the APIs that have no effect here, since there is one tier of service, no reasoning, one length of
 * answers, and prompts are found in the cache by their tokens. They change no answer that a client could tell from
 * another, so that they are accepted; the header x-thimble-ignored names them.
 */
import { z } from 'zod';

/** Every generation takes these. */
export const passiveFields = {
  metadata: z.record(z.string(), z.unknown()).optional(),
  /** vLLM's: keeps cached prompts of users apart. Here those of subjects always are. */
  cache_salt: z.string().optional(),
  prompt_cache_key: z.string().optional(),
  prompt_cache_options: z.looseObject({}).optional(),
  prompt_cache_retention: z.string().optional(),
  safety_identifier: z.string().optional(),
  service_tier: z.string().optional(),
  store: z.boolean().optional(),
};

export const userField = z.string().optional();

/** Chat completions. */
export const chatPassiveFields = {
  prediction: z.looseObject({ type: z.string() }).optional(),
  reasoning_effort: z.string().optional(),
  verbosity: z.string().optional(),
};

/** Responses. */
export const responsePassiveFields = {
  reasoning: z.looseObject({}).optional(),
  /** Its one field asks for padding that hides the length of events. */
  stream_options: z.looseObject({}).optional(),
};
export const verbosityField = z.string().nullish();

/** Anthropic's messages. */
export const messagesPassiveFields = {
  thinking: z.looseObject({ type: z.string() }).optional(),
};
export const effortField = z.string().nullish();

const PASSIVE = new Set<unknown>([
  ...Object.values(passiveFields),
  ...Object.values(chatPassiveFields),
  ...Object.values(responsePassiveFields),
  ...Object.values(messagesPassiveFields),
  ...[userField, verbosityField, effortField],
]);

/** Whether a field is accepted only so that clients that send it work. */
export function isPassive(schema: z.ZodObject, name: string): boolean {
  return PASSIVE.has(schema.shape[name]);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Paths of the fields of a body that have no effect, those of nested objects one level down. */
export function passiveNames(body: object, schema: z.ZodObject): string[] {
  return Object.entries(body).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined || value === null || isEmpty(value)) return [];
    if (isPassive(schema, name)) return [name];
    const field: unknown = schema.shape[name];
    const inner: unknown = field instanceof z.ZodOptional ? field.unwrap() : field;
    if (!(inner instanceof z.ZodObject) || typeof value !== 'object') return [];
    return Object.entries(value)
      .filter(([part, one]) => one !== null && isPassive(inner, part))
      .map(([part]) => `${name}.${part}`);
  });
}
