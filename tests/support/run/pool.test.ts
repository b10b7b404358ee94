/** A shared server is one file's at a time, and the next one's afterwards. */
import { expect, test } from 'vitest';
import { shareTestServer, STORIES_ID } from '../http-server.ts';

/** A choice of models that no other file makes. */
const MODELS = [STORIES_ID];

test('two that ask at once get two servers; one that is given back is had again', async () => {
  const [one, other] = await Promise.all([shareTestServer(MODELS), shareTestServer(MODELS)]);
  expect(other.url).not.toBe(one.url);
  for (const { url } of [one, other]) {
    const { data } = await (await fetch(`${url}/v1/models`)).json<{ data: { id: string }[] }>();
    expect(data.map(({ id }) => id)).toEqual([STORIES_ID]);
  }
  await one.close();
  const again = await shareTestServer(MODELS);
  expect(again.url).toBe(one.url);
  await again.close();
  await other.close();
});

test('what cannot be served is told to who asks', async () => {
  await expect(shareTestServer(['nobody'])).rejects.toThrow('no model "nobody"');
});
