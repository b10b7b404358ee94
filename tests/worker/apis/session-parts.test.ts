/** Which turns still fit, and whose turn it is. */
import { describe, expect, test } from 'vitest';
import { fitHistory } from '../../../worker/serving/generation/fit-history.ts';
import { MAX_WAITING_TURNS, TurnQueue } from '../../../worker/apis/sessions/turn-queue.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = { role: 'system', content: 'ss' };

/** One token a character. */
const countTokens = (messages: readonly { content: string }[]) =>
  messages.reduce((sum, { content }) => sum + content.length, 0);

describe('fitHistory', () => {
  const history = [system, user('11'), assistant('111'), user('22'), user('2'), assistant('222')];
  const texts = (maxTokens: number) => {
    const { messages, nDropped } = fitHistory(history, [user('new')], countTokens, maxTokens);
    expect(messages.length + nDropped).toBe(history.length + 1);
    return messages.map(({ content }) => content).join(' ');
  };

  test('keeps all that fits', () => expect(texts(16)).toBe('ss 11 111 22 2 222 new'));
  test('leaves out whole turns, the oldest first', () => expect(texts(15)).toBe('ss 22 2 222 new'));
  test('leaves out no more than it must', () => expect(texts(11)).toBe('ss 22 2 222 new'));
  test('keeps the system message and the new one at any rate', () => {
    expect(texts(10)).toBe('ss new');
    expect(texts(0)).toBe('ss new');
  });
  test('keeps the turn of a call that the new message answers', () => {
    const call = { ...assistant('c'), tool_calls: [] };
    const asked = [user('11'), assistant('111'), user('22'), call];
    const answer = { role: 'tool', content: 'new', tool_call_id: 'c' };
    const { messages, nDropped } = fitHistory(asked, [answer], countTokens, 0);
    expect(messages).toEqual([user('22'), call, answer]);
    expect(nDropped).toBe(2);
  });
  test('an empty history is no history', () => {
    const fitted = fitHistory([], [user('new')], countTokens, 10);
    expect(fitted).toEqual({ messages: [user('new')], nDropped: 0 });
  });
});

describe('TurnQueue', () => {
  const never = new AbortController().signal;

  test('one at a time, in order', async () => {
    const queue = new TurnQueue();
    const order: string[] = [];
    const turn = async (name: string) => {
      const leave = await queue.enter(never);
      order.push(`${name} in`);
      await Promise.resolve();
      order.push(`${name} out`);
      leave();
      leave();
    };
    await Promise.all([turn('a'), turn('b'), turn('c')]);
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  test('who leaves the queue does not let the next one in early', async () => {
    const queue = new TurnQueue();
    const leaveFirst = await queue.enter(never);
    const abort = new AbortController();
    const second = queue.enter(abort.signal);
    let thirdIsIn = false;
    const third = queue.enter(never).then((leave) => {
      thirdIsIn = true;
      return leave;
    });
    abort.abort();
    await expect(second).rejects.toMatchObject({ code: 'E_ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(thirdIsIn).toBe(false);
    leaveFirst();
    (await third)();
    expect(thirdIsIn).toBe(true);
  });

  test('too many are sent away', async () => {
    const queue = new TurnQueue();
    const leave = await queue.enter(never);
    const waiting = Array.from({ length: MAX_WAITING_TURNS }, () => queue.enter(never));
    await expect(queue.enter(never)).rejects.toMatchObject({ code: 'E_BUSY' });
    leave();
    for (const next of waiting) (await next)();
    (await queue.enter(never))();
  });
});
