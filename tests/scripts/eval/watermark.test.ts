/** The measurement of the watermark, on a tiny model, and its intervals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatEstimate, meanOf, share } from '../../../scripts/eval/intervals.ts';
import { measureWatermark } from '../../../scripts/eval/watermark.ts';
import { readTokenizer } from '../../../scripts/node-host/model-files.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { engineFrom, importedFrom, STORIES_FILE } from '../../support/models.ts';

describe('intervals', () => {
  it('of shares are those of the published examples', () => {
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    const rows: [number, number, number, number][] = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ];
    for (const [hit, n, low, high] of rows) {
      const estimate = share(hit, n);
      expect(estimate.low).toBeCloseTo(low, 4);
      expect(estimate.high).toBeCloseTo(high, 4);
    }
    expect(formatEstimate(share(1, 2), 2)).toBe('0.50 [0.09, 0.91]');
  });

  it('of means are 1.96 standard errors wide', () => {
    const { value, low, high } = meanOf([1, 2, 3, 4]);
    expect(value).toBe(2.5);
    expect(high - value).toBeCloseTo(1.96 * Math.sqrt(5 / 3 / 4), 3);
    expect(value - low).toBeCloseTo(high - value, 9);
  });
});

describe('the measurement', () => {
  const corpus = readFileSync(join(repoRoot, 'tests/golden/parity-texts.json'), 'utf8')
    .replaceAll('\\n', ' ')
    .replaceAll('"text":', '\n\n');

  async function load() {
    const { folder, manifest } = await importedFrom(STORIES_FILE, 'lossless', 'decoder');
    const tokenizer = await readTokenizer(folder, manifest);
    return { engine: await engineFrom(STORIES_FILE, 'lossless'), tokenizer, manifest };
  }

  it('finds marked texts, few others, and gives both qualities', async () => {
    const options = { nPrompt: 4, nSeed: 2, nToken: 100 };
    const report = await measureWatermark(await load(), corpus, options);
    expect(report.nText).toBe(8);
    expect(report.lengths.map(({ tokens }) => tokens)).toEqual([25, 50, 100]);
    const longest = report.lengths.at(-1)!;
    expect(longest.truePositives.value).toBeGreaterThan(0.7);
    expect(longest.falsePositives.value).toBeLessThan(0.1);
    for (const { perplexity, repetition, alike } of [report.marked, report.plain]) {
      expect(perplexity.value).toBeGreaterThan(1);
      expect(repetition.value).toBeLessThan(0.5);
      expect(alike!.value).toBeLessThan(0.5);
    }
  });

  it('says how many passages a text has when they are too few', async () => {
    const options = { nPrompt: 10_000, nSeed: 1, nToken: 25 };
    await expect(measureWatermark(await load(), corpus, options)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(/--prompts 10000; the text has \d+ passages/) as string,
    });
  });
});
