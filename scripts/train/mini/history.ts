/** Losses and evaluations of a training, kept beside its checkpoint, so that a report shows what was before a cut. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../checkpoint.ts';
import type { Evaluation } from './evaluate.ts';

const HISTORY_FILE = 'history.json';

export interface PastStep {
  readonly step: number;
  readonly loss: number;
  readonly evaluation: Evaluation | null;
}

/** @throws {EngineError} E_DISK */
export async function writeHistory(folder: string, steps: readonly PastStep[]): Promise<void> {
  const told = steps.map(({ step, loss, evaluation }) => ({ step, loss, evaluation }));
  await writeWhole(join(folder, HISTORY_FILE), JSON.stringify(told));
}

/** Steps up to that of the checkpoint; none where nothing was kept. */
export async function readHistory(folder: string, nStep: number): Promise<PastStep[]> {
  const text = await readFile(join(folder, HISTORY_FILE), 'utf8').catch(() => '[]');
  return (JSON.parse(text) as PastStep[]).filter(({ step }) => step <= nStep);
}
