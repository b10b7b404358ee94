/** The pool of the development server: its size and memory, and the models that lie in it. */
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { budgetOfMemory, DEFAULT_BUDGET_BYTES } from '../../engine/placement/assign.ts';
import { DEFAULT_ISOLATES, emptyPlacement } from '../../engine/placement/changes.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { runStep } from '../lib/step.ts';
import type { Bucket } from '../push/bucket.ts';
import { changePlacement, readPlacement } from '../push/place.ts';
import { fillPool, readStored } from '../push/pool.ts';
import type { ServeFlags } from './options.ts';

/** What is to be served, its files in the bucket already. */
export interface ServedModels {
  /** Answers requests that name no model. */
  readonly main: Manifest;
  readonly also: readonly Manifest[];
}

/**
 * Brings the record in the bucket to the pool of this run; models that were placed before stay where they can.
 * @throws {EngineError} E_MEMORY_BUDGET for a model to be served that does not fit, with the option that makes it fit.
 */
export async function placeStep(
  bucket: Bucket,
  { main, also }: ServedModels,
  { isolates, memory, ctx }: Pick<ServeFlags, 'isolates' | 'memory' | 'ctx'>,
): Promise<Placement> {
  return await runStep('place', async ({ note }) => {
    const found = await readPlacement(bucket).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.code !== 'E_PLACEMENT_INVALID') throw error;
      note(`the record cannot be read and is written anew (${error.message})`);
      return emptyPlacement();
    });
    const stored = await readStored(bucket, found);
    const options = ctx === undefined ? {} : { nCtx: ctx };
    const request = {
      nIsolate: isolates ?? DEFAULT_ISOLATES,
      budgetBytes: memory === undefined ? DEFAULT_BUDGET_BYTES : budgetOfMemory(memory),
      overlap: false,
      defaultModel: main.id,
      required: new Map([main, ...also].map(({ id }) => [id, options])),
      onLeftOut: (id: string, error: Error) => note(`${id} is left out: ${error.message}`),
    };
    const change = (before: Placement) => fillPool(before, stored, request);
    // A record that cannot be read would keep the server from every start.
    const placement = await changePlacement(bucket, change, { replaceInvalid: true });
    const ids = new Set(placement.models.map(({ id }) => id));
    const text = `${ids.size} ${ids.size === 1 ? 'model' : 'models'} in ${placement.nIsolate} isolates`;
    return { text, value: placement };
  });
}

/** Says so where a draft model will not be used. */
export function noteDraft(placement: Placement, id: string): void {
  const placed = placement.models.find((model) => model.id === id);
  if (placed === undefined || placed.replicas[0]!.pieces.length === 1) return;
  process.stderr.write(
    `${id} lies in several isolates, where no draft model is used: give it one with --memory 2GB\n`,
  );
}
