/** The last state of a response whose answer ends in the moment it is cancelled. */
import { expect, test } from 'vitest';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { responseBodySchema } from '../../../worker/apis/responses/schema.ts';
import { responseEvents, type ResponseRun } from '../../../worker/apis/responses/shape.ts';
import type { Delta } from '../../../worker/serving/generation/run-generation.ts';

const usage = { ...NO_USAGE, promptTokens: 1, completionTokens: 1 };
const deltas: readonly Delta[] = [
  { type: 'start', usage, choice: 0 },
  { type: 'text', text: 'Yes', tokens: [], choice: 0 },
  { type: 'done', reason: 'length', stop: null, usage, choice: 0 },
];

async function lastStatus(cancelledBefore: Delta['type'] | null): Promise<string> {
  let isCancelled = false;
  async function* answer(): AsyncGenerator<Delta, void, void> {
    for (const delta of deltas) {
      await Promise.resolve();
      if (delta.type === cancelledBefore) isCancelled = true;
      yield delta;
    }
  }
  const run = {
    ...{
      id: 'resp_1',
      model: { id: 'm', manifest: { shards: [] } },
      nDropped: 0,
      search: null,
      createdAt: 0,
    },
    body: responseBodySchema.parse({ model: 'm', input: 'Hello' }),
    isCancelled: () => isCancelled,
  } as unknown as ResponseRun;
  // A failure has no place here: it would be thrown.
  const events = await Array.fromAsync(responseEvents(run, answer()));
  const last = events.at(-1);
  if (last === undefined || !('response' in last)) throw new Error('no last state');
  return last.response.status;
}

test.each([
  ['start', 'cancelled'],
  ['done', 'cancelled'],
  [null, 'incomplete'],
] as const)('cancelled before %s: %s', async (before, status) => {
  expect(await lastStatus(before)).toBe(status);
});
