/** What the policy says of a text: decisions, each a line of the log, without the text. */
import { EngineError } from '../../../engine/base/errors.ts';
import { sha256Hex } from '../../../engine/base/sha256.ts';
import type { Caller } from '../../platform/caller.ts';
import { DETECTORS, REDACTORS } from './categories.ts';
import type { Action, Direction, Policy } from './policy.ts';

/** Text that may go on, or a refusal. */
export type Ruling =
  | { readonly isBlocked: false; readonly text: string }
  | { readonly isBlocked: true; readonly category: string };

/** Characters of the subject's hash in the log: enough to tell subjects apart. */
const SUBJECT_CHARS = 16;

/** Whether any rule may change or refuse a text: then it has to wait for its ruling. */
export function mayHoldBack(policy: Policy, direction: Direction): boolean {
  return Object.values(policy[direction]).some(
    ({ action }) => action === 'redact' || action === 'block',
  );
}

/** Whether texts are judged at all. */
export function judges(policy: Policy, direction: Direction): boolean {
  return Object.values(policy[direction]).some(({ action }) => action !== 'allow');
}

/**
 * Judges a text by the rules of its direction, and logs what it was found to be.
 * @throws {EngineError} E_POLICY_UNAVAILABLE when it cannot be judged and the policy is closed then
 */
export async function rule(
  policy: Policy,
  direction: Direction,
  text: string,
  caller: Caller,
): Promise<Ruling> {
  if (text.trim() === '') return { isBlocked: false, text };
  try {
    return await judgeAndRule(policy, direction, text, caller);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_POLICY_UNAVAILABLE') throw error;
    await log(caller, { direction, outage: true, action: policy.on_outage });
    if (policy.on_outage === 'closed' && mayHoldBack(policy, direction)) throw error;
    return { isBlocked: false, text };
  }
}

async function judgeAndRule(
  policy: Policy,
  direction: Direction,
  text: string,
  caller: Caller,
): Promise<Ruling> {
  let passed = text;
  let blockedFor: string | null = null;
  for (const { categories, judge } of DETECTORS) {
    const rules = categories.flatMap((name) => {
      const given = policy[direction][name];
      return given === undefined || given.action === 'allow' ? [] : [[name, given] as const];
    });
    if (rules.length === 0) continue;
    const verdicts = await judge(text);
    for (const [category, { action, threshold }] of rules) {
      const verdict = verdicts.get(category);
      if (verdict === undefined || verdict.score < (threshold ?? verdict.threshold)) continue;
      await log(caller, { direction, category, score: verdict.score, action });
      if (action === 'redact') passed = REDACTORS[category]!(passed);
      if (action === 'block') blockedFor ??= category;
    }
  }
  return blockedFor === null
    ? { isBlocked: false, text: passed }
    : { isBlocked: true, category: blockedFor };
}

type Entry =
  | {
      readonly direction: Direction;
      readonly category: string;
      readonly score: number;
      readonly action: Action;
    }
  | { readonly direction: Direction; readonly outage: true; readonly action: Policy['on_outage'] };

/** The audit log: one line a decision. */
async function log({ requestId, subject }: Caller, entry: Entry): Promise<void> {
  const hash = await sha256Hex(Uint8Array.from(new TextEncoder().encode(subject)));
  const line = {
    event: 'policy',
    request_id: requestId,
    subject: hash.slice(0, SUBJECT_CHARS),
    ...entry,
    ...('score' in entry ? { score: Number(entry.score.toFixed(3)) } : {}),
  };
  console.log(JSON.stringify(line));
}

/** The refusal of a request. @param param the field that the text came from */
export function blocked(category: string, param: string): EngineError {
  return new EngineError(
    'E_POLICY_BLOCKED',
    `${param}: the text was found to be ${category}, which the policy of this server blocks. Rephrase it.`,
    { param, details: { category, reason: 'content_policy_violation' } },
  );
}
