import { expect, test } from 'vitest';
import { SHARD_MAX_BYTES } from '../../../engine/manifest/manifest.ts';
import { run } from '../../support/import-folder.ts';
import { smollm2Gguf } from '../../support/models.ts';

/** Counted once against values the `gguf` reference package gives for the same file. */
const ROUNDED_BLOCKS = 76;

test(
  'SmolLM2-135M keeps all but 76 of its 4.2 million blocks to the last bit',
  { timeout: 120_000 },
  async () => {
    const { manifest, reports } = await run(smollm2Gguf());
    const rounded = [...reports.values()].reduce(
      (sum, { inexactBlocks }) => sum + inexactBlocks,
      0,
    );
    expect(rounded).toBe(ROUNDED_BLOCKS);
    expect(manifest.tensors.filter(({ exact }) => exact)).toHaveLength(252);
    expect(new Set(manifest.tensors.map((t) => `${t.sourceDtype} ${t.dtype}`))).toEqual(
      new Set(['Q8_0 q8', 'Q4_1 q4m', 'F32 f32']),
    );
    expect(manifest.shards.map(({ layers }) => layers)).toEqual([
      null,
      ...Array.from({ length: 10 }, (_, i) => [3 * i, 3 * i + 3]),
    ]);
    expect(Math.max(...manifest.shards.map(({ bytes }) => bytes))).toBeLessThan(SHARD_MAX_BYTES);
  },
);
