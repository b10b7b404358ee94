/** Many clients of some keys at the same time, one key greedy. */
import { expect, test } from 'vitest';
import { withOwnServer } from '../../../scripts/dev/own-server.ts';
import { runSoak, slope } from '../../../scripts/soak/run-soak.ts';
import { tinyOwnModels } from '../../support/own-models.ts';

test('no key sees a wrong answer, and the greedy one leaves room for each', async () => {
  const { models, textModel, encoder } = await tinyOwnModels();
  const result = await withOwnServer('soak', { models }, (server) =>
    runSoak(server, { seconds: 10, seed: 1, textModel, encoder }),
  );
  expect(result.wrong).toEqual([]);
  expect(result.keys).toHaveLength(8);
  // Ten seconds end before a key's limit of requests holds the greedy one back; `npm run soak` asks for a half.
  expect(result.smallestShare).toBeGreaterThanOrEqual(0.25);
  expect(result.residentMb.every((mb) => mb > 0)).toBe(true);
});

test('the slope of memory is by minute', () => {
  expect(slope([100, 101, 102, 103])).toBe(6);
  expect(slope([100, 90])).toBe(-60);
  expect(slope([100])).toBeNull();
});
