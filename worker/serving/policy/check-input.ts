/** Texts of a request before a model reads them. */
import type { Caller } from '../../platform/caller.ts';
import { reportFailure } from '../../platform/failure.ts';
import { contentText, isMedia, textContent } from '../conversation/message.ts';
import type { Message } from '../conversation/message.ts';
import { blocked, judges, mayHoldBack, rule } from './decide.ts';
import { readPolicy } from './policy.ts';
import type { Policy, PolicyEnv } from './policy.ts';

/**
 * The conversation with what the policy redacts; the same one where it changes nothing. Where nothing can be held
 * back, only what is new is judged, and nobody waits for it.
 * @returns `done` settles when all is judged
 * @throws {EngineError} E_POLICY_BLOCKED naming the message; E_POLICY_UNAVAILABLE
 */
export async function checkMessages(
  env: PolicyEnv,
  caller: Caller,
  messages: readonly Message[],
  field: string,
): Promise<{ messages: readonly Message[]; done: Promise<void> }> {
  const policy = await readPolicy(env);
  if (!judges(policy, 'input')) return { messages, done: Promise.resolve() };
  if (!mayHoldBack(policy, 'input')) {
    const lastAnswer = messages.findLastIndex(({ role }) => role === 'assistant');
    const fresh = messages.slice(lastAnswer + 1).map(({ content }) => contentText(content));
    const place = { place: 'gateway.policy', requestId: caller.requestId };
    const done = judgeAll(policy, caller, fresh).catch((error: unknown) => {
      reportFailure(error, place);
    });
    return { messages, done };
  }
  const passed: Message[] = [];
  for (const [i, message] of messages.entries()) {
    const text = contentText(message.content);
    // The model's own answers were judged when it gave them.
    if (message.role === 'assistant') {
      passed.push(message);
      continue;
    }
    const checked = await checkText(policy, caller, text, `${field}[${i}]`);
    const media = message.content.filter(isMedia);
    const content = [...media, ...textContent(checked)];
    passed.push(checked === text ? message : { ...message, content });
  }
  return { messages: passed, done: Promise.resolve() };
}

/** A plain text or several, in the same way. @throws {EngineError} E_POLICY_BLOCKED naming `field`; E_POLICY_UNAVAILABLE */
export async function checkTexts(
  env: PolicyEnv,
  caller: Caller,
  texts: readonly string[],
  field: string,
): Promise<readonly string[]> {
  const policy = await readPolicy(env);
  if (!judges(policy, 'input')) return texts;
  if (!mayHoldBack(policy, 'input')) {
    await judgeAll(policy, caller, texts);
    return texts;
  }
  const passed: string[] = [];
  for (const text of texts) passed.push(await checkText(policy, caller, text, field));
  return passed;
}

async function judgeAll(policy: Policy, caller: Caller, texts: readonly string[]): Promise<void> {
  for (const text of texts) await rule(policy, 'input', text, caller);
}

async function checkText(
  policy: Policy,
  caller: Caller,
  text: string,
  param: string,
): Promise<string> {
  const ruling = await rule(policy, 'input', text, caller);
  if (ruling.isBlocked) throw blocked(ruling.category, param);
  return ruling.text;
}
