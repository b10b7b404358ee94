/** Fine-tunings whose losses PEFT has as well: golden/make-finetune.py asked it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { smallBase } from '../support/adapter-training.ts';
import { FINETUNE_JOBS, JOB_CONFIG } from '../support/finetune-jobs.ts';
import { runJob, startJob } from '../support/peft-job.ts';

let root = '';
let source: ModelSource<DecoderManifest>;
let golden: Readonly<Record<string, readonly number[]>>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-peft-'));
  source = await smallBase(root, 'q8', JOB_CONFIG);
  const text = await readFile(join(repoRoot, 'tests/golden/finetune.json'), 'utf8');
  golden = JSON.parse(text) as typeof golden;
});
afterAll(() => rm(root, { recursive: true, force: true }));

test.each(Object.entries(FINETUNE_JOBS))('%s: losses of every step', async (name, job) => {
  const training = await startJob(source, job);
  try {
    const { losses } = runJob(training, job);
    const expected = golden[name]!;
    expect(losses).toHaveLength(expected.length);
    // It learns, and not by heart.
    expect(expected.at(-1)).toBeLessThan(expected[0]! * 0.92);
    for (const [i, loss] of losses.entries())
      expect(Math.abs(loss - expected[i]!) / expected[i]!, `step ${i}`).toBeLessThan(1e-4);
  } finally {
    await training.close();
  }
});
