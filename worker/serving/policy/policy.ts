/**
 * What a deployment does with texts of a category, in requests and in answers: policy/policy.json in the
 * models' bucket, or the variable POLICY (docs/moderation.md). Without either, texts are flagged in the log.
 */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { BucketRecord } from '../../platform/bucket-record.ts';
import { CATEGORY_NAMES, REDACTORS } from './categories.ts';
import { unavailable } from './text-judge.ts';

export const POLICY_KEY = 'policy/policy.json';
const MAX_POLICY_CHARS = 20_000;
/** How long a policy is believed. */
const RECHECK_MS = 10_000;

export const ACTIONS = ['allow', 'flag', 'redact', 'block'] as const;
export type Action = (typeof ACTIONS)[number];
export type Direction = 'input' | 'output';

const rule = z.strictObject({
  action: z.enum(ACTIONS),
  /** The category's own threshold by default. */
  threshold: z.number().min(0).max(1).optional(),
});
const rules = z
  .record(z.string(), rule)
  .refine(
    (given) => Object.keys(given).every((name) => CATEGORY_NAMES.includes(name)),
    `expected categories among ${CATEGORY_NAMES.join(', ')}`,
  )
  .refine(
    (given) =>
      Object.entries(given).every(
        ([name, { action }]) => action !== 'redact' || Object.hasOwn(REDACTORS, name),
      ),
    'expected "redact" only for categories whose place in a text is known',
  );

export const policySchema = z.strictObject({
  version: z.literal(1),
  /** What happens when texts cannot be judged: "closed" refuses them, "open" lets them pass unjudged. */
  on_outage: z.enum(['closed', 'open']),
  input: rules.default({}),
  output: rules.default({}),
});
export type Policy = z.output<typeof policySchema>;

const FLAG_ALL = Object.fromEntries(
  CATEGORY_NAMES.map((name) => [name, { action: 'flag' as const }]),
);
export const DEFAULT_POLICY: Policy = {
  version: 1,
  on_outage: 'open',
  input: FLAG_ALL,
  output: FLAG_ALL,
};

export interface PolicyEnv {
  readonly MODELS: R2Bucket;
  readonly POLICY?: string;
}

/** @throws {EngineError} E_POLICY_UNAVAILABLE naming what is wrong: a policy that cannot be read must not be forgotten */
export function parsePolicy(text: string): Policy {
  let json: unknown;
  try {
    json = JSON.parse(text.slice(0, MAX_POLICY_CHARS));
  } catch (cause) {
    throw unavailable(`the policy is not JSON of at most ${MAX_POLICY_CHARS} characters`, cause);
  }
  const { data, error } = policySchema.safeParse(json);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  const place = issue?.path.join('.') ?? '';
  throw unavailable(`the policy is not valid (${place}: ${issue?.message ?? ''})`);
}

const record = new BucketRecord(POLICY_KEY, parsePolicy, RECHECK_MS);
let fromVariable: { readonly text: string; readonly policy: Policy } | null = null;

/** @throws {EngineError} E_POLICY_UNAVAILABLE when there is one that cannot be read */
export async function readPolicy({ MODELS, POLICY = '' }: PolicyEnv): Promise<Policy> {
  if (POLICY !== '') {
    if (fromVariable?.text !== POLICY) fromVariable = { text: POLICY, policy: parsePolicy(POLICY) };
    return fromVariable.policy;
  }
  return (await record.read(MODELS).catch(rethrow)) ?? DEFAULT_POLICY;
}

function rethrow(error: unknown): never {
  if (error instanceof EngineError && error.code === 'E_POLICY_UNAVAILABLE') throw error;
  throw unavailable('the policy cannot be read', error);
}
