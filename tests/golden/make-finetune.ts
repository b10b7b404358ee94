/**
 * Fine-tunings for make-finetune.py, which asks PEFT for the same:
 *   node tests/golden/make-finetune.ts FOLDER                     the small ones of finetune.json
 *   node tests/golden/make-finetune.ts FOLDER MODEL DATA STEPS    one of an imported model, which takes minutes
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { FINETUNE_DEFAULTS } from '../../scripts/finetune/config.ts';
import { encodeRows } from '../../scripts/finetune/encode.ts';
import { parseRows } from '../../scripts/finetune/rows.ts';
import { modelsDir } from '../../scripts/lib/paths.ts';
import { FileModelSource, readTokenizer } from '../../scripts/node-host/model-files.ts';
import { readImported } from '../../scripts/push/push.ts';
import { readText } from '../../scripts/train/read-text.ts';
import { smallBase } from '../support/adapter-training.ts';
import { FINETUNE_JOBS, JOB_CONFIG } from '../support/finetune-jobs.ts';
import { writeJob } from '../support/peft-job.ts';

const [folder = 'finetune-jobs', model, data = '', nStep = '20'] = process.argv.slice(2);
const BATCH = 8;

async function writeSmall(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = await smallBase(folder, 'q8', JOB_CONFIG);
  for (const [name, job] of Object.entries(FINETUNE_JOBS))
    await writeJob(join(folder, name), source, job);
}

async function writeReal(id: string): Promise<void> {
  const dir = join(modelsDir(), id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'decoder');
  const tokenizer = await readTokenizer(dir, manifest);
  const { maxTokens, beta } = FINETUNE_DEFAULTS;
  const rows = parseRows(await readText(data, 'data'), data);
  const options = { tokenizer, manifest, maxTokens, invocation: null };
  const { examples, form } = encodeRows(rows, options);
  const steps = Array.from({ length: Number(nStep) }, (_, step) =>
    Array.from({ length: BATCH }, (__, i) => examples[(step * BATCH + i) % examples.length]!),
  );
  const job = { form, rank: 8, alpha: 16, rate: 5e-4, nRow: 512, beta, invocation: null, steps };
  await writeJob(join(folder, id), new FileModelSource(dir, manifest), job);
}

await (model === undefined ? writeSmall() : writeReal(model));
