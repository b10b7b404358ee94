/** Texts of a task's fields, and of its answer, which is judged as a whole. */
import type { Caller } from '../../platform/caller.ts';
import type { TaskEvent } from '../tasks/task.ts';
import { checkTexts } from './check-input.ts';
import { blocked, judges, mayHoldBack, rule } from './decide.ts';
import { readPolicy } from './policy.ts';
import type { PolicyEnv } from './policy.ts';

/** Fields that hold no texts. */
const NOT_READ: ReadonlySet<string> = new Set(['model', 'image']);

/** The fields with what the policy redacts. @throws {EngineError} E_POLICY_BLOCKED naming the field; E_POLICY_UNAVAILABLE */
export async function checkFields<Fields extends object>(
  env: PolicyEnv,
  caller: Caller,
  fields: Fields,
): Promise<Fields> {
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields))
    checked[name] = NOT_READ.has(name)
      ? value
      : await mapTexts(value, async (text) => {
          const [passed] = await checkTexts(env, caller, [text], name);
          return passed!;
        });
  return checked as Fields;
}

/** @throws {EngineError} E_POLICY_BLOCKED for the answer; E_POLICY_UNAVAILABLE */
export async function* guardTask(
  env: PolicyEnv,
  caller: Caller,
  events: AsyncIterable<TaskEvent>,
): AsyncGenerator<TaskEvent, void, void> {
  const policy = await readPolicy(env);
  if (!judges(policy, 'output')) {
    yield* events;
    return;
  }
  const mustWait = mayHoldBack(policy, 'output');
  const check = async (text: string): Promise<string> => {
    const ruling = await rule(policy, 'output', text, caller);
    if (ruling.isBlocked) throw blocked(ruling.category, 'answer');
    return ruling.text;
  };
  let waiting = '';
  for await (const event of events) {
    if (event.type === 'delta' && mustWait) {
      waiting += event.text;
      continue;
    }
    if (event.type === 'delta') {
      yield event;
      continue;
    }
    const text = await check(waiting);
    if (text !== '') yield { type: 'delta', text };
    yield { type: 'done', answer: (await mapTexts(event.answer, check)) as object };
  }
}

/** A copy of a JSON value in which every text, but no key, is what `map` makes of it. */
async function mapTexts(value: unknown, map: (text: string) => Promise<string>): Promise<unknown> {
  if (typeof value === 'string') return await map(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) items.push(await mapTexts(item, map));
    return items;
  }
  const fields: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) fields[name] = await mapTexts(item, map);
  return fields;
}
