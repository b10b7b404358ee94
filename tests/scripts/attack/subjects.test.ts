/** One key seeks what another keeps; and what there is to find would be found. */
import { expect, test } from 'vitest';
import { seekAll } from '../../../scripts/attack/subjects/run-subjects.ts';
import { withOwnServer } from '../../../scripts/dev/own-server.ts';
import { tinyOwnModels } from '../../support/own-models.ts';

const SEED = 1;
const N_TRY = 600;

test('nothing of one subject is found by another, and two keys of one subject find it', async () => {
  const { models } = await tinyOwnModels();
  await withOwnServer('subjects', { models, nIsolate: 1 }, async (server) => {
    const apart = await seekAll(server, { nTry: N_TRY, seed: SEED });
    expect(apart.problems).toEqual([]);
    expect(apart.nTry).toBe(N_TRY);
    const shared = await seekAll(server, { nTry: N_TRY, seed: SEED, isShared: true });
    expect(shared.problems).toContainEqual(expect.stringContaining('list /v1/'));
    expect(shared.problems).toContainEqual(expect.stringContaining('the other were cached'));
    expect(shared.problems).toContainEqual(expect.stringContaining('is not what it was'));
  });
});
