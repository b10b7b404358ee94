/** The model that is served or asked when none is named. */
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { DEFAULT_MODEL_ID, FALLBACK_MODEL_IDS } from '../pull/catalogue.ts';
import { embeddedNote } from './embedded.ts';
import { obtainTextModel } from './prepare.ts';

/**
 * The default model, or the first of the fallbacks that can be had: the last of them is part of the project, so that
 * a first answer always comes.
 * @param doing what is done with it: `Serving`
 */
export async function obtainDefaultModel(doing: string): Promise<DecoderManifest> {
  const others = FALLBACK_MODEL_IDS.filter((id) => id !== DEFAULT_MODEL_ID);
  let id = DEFAULT_MODEL_ID;
  for (const next of others) {
    try {
      return await obtainTextModel(id);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'E_SOURCE_UNAVAILABLE') throw error;
      const note = embeddedNote(next);
      const instead = note === null ? `${next} instead.` : `the embedded ${next} instead: ${note}`;
      process.stderr.write(`\n${error.message}\n\n${doing} ${instead}\n\n`);
    }
    id = next;
  }
  return await obtainTextModel(id);
}
