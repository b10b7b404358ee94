/** Kills of a real runtime while it is written to; and that a loss would be found. */
import { expect, test } from 'vitest';
import { KeyClient } from '../../../scripts/lib/key-client.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { createKey } from '../../../scripts/push/keys.ts';
import { withOwnServer } from '../../../scripts/dev/own-server.ts';
import { runBudgets } from '../../../scripts/chaos/run-budgets.ts';
import { runChaos } from '../../../scripts/chaos/run-chaos.ts';
import { FileWriter } from '../../../scripts/chaos/writers/files.ts';
import { SCOPES } from '../../../worker/platform/caller.ts';
import { tinyOwnModels } from '../../support/own-models.ts';

const SEED = 1;
const nIsolate = 1;

test('nothing acknowledged is lost when the runtime is killed', async () => {
  const { models, textModel, encoder } = await tinyOwnModels();
  const result = await withOwnServer('chaos', { models, nIsolate }, (server) =>
    runChaos(server, { kills: 3, seed: SEED, textModel, encoder }),
  );
  expect(result.problems).toEqual([]);
  expect(result.kills).toBe(3);
  expect(result.acknowledged).toBeGreaterThanOrEqual(18);
});

test('an account is not overspent when the runtime is killed', async () => {
  const { models, textModel } = await tinyOwnModels();
  const result = await withOwnServer('chaos', { models, nIsolate }, (server) =>
    runBudgets(server, { kills: 2, requests: 60, seed: SEED, textModel }),
  );
  expect(result.problems).toEqual([]);
  const { overspent, allowed } = result;
  expect(overspent.tokensPerDay).toBeLessThanOrEqual(allowed.tokensPerDay);
  expect(overspent.requestsPerMinute).toBeLessThanOrEqual(allowed.requestsPerMinute);
});

test('a file that is gone is found', async () => {
  const { models, textModel, encoder } = await tinyOwnModels();
  await withOwnServer('chaos', { models, nIsolate }, async (server) => {
    const bucket = await server.openBucket();
    const about = { name: 'test', scopes: SCOPES, models: null, expiresAt: null, limits: null };
    const { key } = await createKey(bucket, about).finally(() => bucket.close());
    const client = new KeyClient(server.url, key);
    const random = new SeededRandom(SEED);
    const writer = new FileWriter({ client, random, number: 0, textModel, encoder });
    while (writer.nAcknowledged < 1) await writer.write();
    expect(await writer.check(true)).toEqual([]);
    const { text } = await client.ask('/v1/files');
    for (const { id } of (JSON.parse(text) as { data: { id: string }[] }).data)
      await client.ask(`/v1/files/${id}`, undefined, 'DELETE');
    expect((await writer.check(true)).join()).toContain('is lost');
  });
});
