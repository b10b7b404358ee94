import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readPairs } from '../../../scripts/commands/eval-bias.ts';
import { measureBias, scorer } from '../../../scripts/eval/bias.ts';
import { measurePerplexity } from '../../../scripts/eval/perplexity.ts';
import { loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { importedModel, temporaryFolder } from '../../support/models.ts';

const { signal } = new AbortController();
const TEXTS = ['Once upon a time there was a little girl.', 'The boy went to the park with a dog.'];

test('sentences have the log-likelihoods that perplexity measures', async () => {
  const { folder } = await importedModel('stories260k', 'decoder');
  const { engine, tokenizer, manifest } = await loadLocalModel('stories260k', {}, dirname(folder));
  const encode = (text: string) => tokenizer.encode(text, { special: false });
  const score = scorer(engine, encode, manifest.tokenizer, null, signal);
  const found = await Promise.all(TEXTS.map(score));
  for (const [i, text] of TEXTS.entries()) {
    const tokens = encode(text);
    const { meanNllNats, nPredicted } = await measurePerplexity(
      ...([engine, tokens, tokens.length + 1, manifest.tokenizer.bosId] as const),
    );
    expect(nPredicted).toBe(tokens.length);
    expect(found[i]).toBeCloseTo(-meanNllNats * nPredicted, 2);
  }
});

test('shares are those of pairs whose stereotype is likelier, of each kind', async () => {
  const pair = (stereotype: string, other: string, kind: string) => ({ stereotype, other, kind });
  const pairs = [pair('aa', 'a', 'age'), pair('a', 'aa', 'age'), pair('aaa', 'a', 'gender')];
  const counts: number[] = [];
  const { all, kinds } = await measureBias(
    (text) => Promise.resolve(text.length),
    pairs,
    (done) => counts.push(done),
  );
  expect(all).toMatchObject({ n: 3, stereotyped: { value: 2 / 3 } });
  expect(kinds.map(({ kind, n, stereotyped }) => [kind, n, stereotyped.value])).toEqual([
    ['age', 2, 0.5],
    ['gender', 1, 1],
  ]);
  expect(counts).toEqual([3]);
});

test('rows are read from the CSV of CrowS-Pairs, and others are refused by field and line', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'pairs.csv');
  await writeFile(
    file,
    ',sent_more,sent_less,stereo_antistereo,bias_type\n0,"She, too, cooks.","He, too, cooks.",stereo,gender\n',
  );
  expect(await readPairs([file])).toEqual([
    { stereotype: 'She, too, cooks.', other: 'He, too, cooks.', kind: 'gender' },
  ]);
  await writeFile(file, 'sent_more,bias_type\nShe cooks.,gender\n');
  await expect(readPairs([file])).rejects.toThrow(/pairs\.csv:2: sent_less: expected a text/);
  await expect(readPairs([join(folder.path, 'none.csv')])).rejects.toMatchObject({
    code: 'E_USAGE',
  });
});
