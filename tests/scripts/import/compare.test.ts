/** The table of presets, on the embedded model. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { measurePerplexity } from '../../../scripts/eval/perplexity.ts';
import { compareTable, compareVariants } from '../../../scripts/import/precision/compare.ts';
import type { Variant } from '../../../scripts/import/precision/compare.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { failure, outRoot, root } from '../../support/import-folder.ts';
import { STORIES_FILE } from '../../support/models.ts';

const STORY =
  'Once upon a time there was a little girl named Lily. She had a red ball. One day she went to ' +
  'the park with her mom and saw a big dog. The dog wanted to play with the ball. Lily was happy ' +
  'and threw the ball far away. The dog ran and ran and came back with the ball.';

async function compare(variants: readonly [Variant, ...Variant[]], text = STORY) {
  const folder = join(root, 'compare');
  await mkdir(folder, { recursive: true });
  await writeFile(join(root, 'story.txt'), text);
  return compareVariants({
    input: STORIES_FILE,
    variants,
    textPath: join(root, 'story.txt'),
    maxTokens: 400,
    folder,
    signal: new AbortController().signal,
  });
}

const of = (...names: string[]) =>
  names.map((name) => ({ name, preset: name })) as unknown as [Variant, ...Variant[]];

describe('compareVariants', () => {
  test('fewer bits: fewer bytes, more divergence from the file; nothing is kept', async () => {
    const rows = await compare(of('lossless', 'q8', 'q6', 'q4m'));
    expect(rows.map(({ preset }) => preset)).toEqual(['lossless', 'q8', 'q6', 'q4m']);
    expect(rows[0]).toMatchObject({ meanKlNats: 0, top1Agreement: 1, sameAs: null });
    for (let i = 1; i < rows.length; i++) {
      expect(rows[i]!.weightBytes).toBeLessThan(rows[i - 1]!.weightBytes);
      expect(rows[i]!.meanKlNats).toBeGreaterThan(rows[i - 1]!.meanKlNats);
      expect(rows[i]!.tokensPerSecond).toBeGreaterThan(0);
      expect(rows[i]!.fitsIsolate).toBe(true);
    }
    expect(rows[1]!.meanKlNats).toBeLessThan(0.01);
    expect(await readdir(join(root, 'compare'))).toEqual(['logits.bin']);
    const table = compareTable(rows);
    expect(table.split('\n')).toHaveLength(2 + rows.length);
    expect(table).toMatch(/^\| q4m \| 0\.\d \|/m);
  });

  test('gives the perplexity that eval gives', async () => {
    const [row] = await compare(of('lossless'));
    const preset = 'lossless';
    await importModel({ input: STORIES_FILE, id: 'stories', preset, outRoot: outRoot() });
    const { engine, tokenizer, manifest } = await loadLocalModel('stories', {}, outRoot());
    const tokens = tokenizer.encode(STORY, { special: false });
    const { perplexity } = await measurePerplexity(engine, tokens, 512, manifest.tokenizer.bosId);
    expect(row!.perplexity).toBeCloseTo(perplexity, 9);
  });

  test('presets that give the same bytes are measured once', async () => {
    const rows = await compare(
      of('q6', 'mix', 'q4m').map((v) => ({ ...v, preset: 'q6' })) as never,
    );
    expect(rows.map(({ sameAs }) => sameAs)).toEqual([null, 'q6', 'q6']);
    expect(compareTable(rows)).toContain('| mix (as q6) |');
  });

  test('a text with nothing to predict is refused', async () => {
    const error = await failure(compare(of('lossless'), ''));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toContain('fewer than 2 tokens');
  });
});
