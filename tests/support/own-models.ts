/** Models for scripts that start a server of their own. */
import { inject } from 'vitest';
import type { OwnModels } from '../../scripts/dev/own-models.ts';
import { TINY_ENCODER_ID } from './encoders.ts';
import { importByIdOnce, STORIES_ID } from './run/imports.ts';

export async function tinyOwnModels(): Promise<OwnModels> {
  const models = [];
  for (const id of [STORIES_ID, TINY_ENCODER_ID])
    models.push({ id, modelsRoot: await importByIdOnce(inject('runFolder'), id) });
  return { textModel: STORIES_ID, encoder: TINY_ENCODER_ID, models };
}
