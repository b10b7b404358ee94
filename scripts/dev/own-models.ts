/** Models of scripts that start a server of their own: the smallest text model, and an encoder where one is imported. */
import { modelsDir } from '../lib/paths.ts';
import { DEFAULT_ENCODER_ID, EMBEDDED_MODEL_ID } from '../pull/catalogue.ts';
import type { OwnModel } from './own-server.ts';
import { findImported, listImported, obtainTextModel } from './prepare.ts';

export interface OwnModels {
  readonly textModel: string;
  /** Null where none is imported. */
  readonly encoder: string | null;
  readonly models: readonly OwnModel[];
}

/** @throws {EngineError} what the import of the text model does */
export async function chooseOwnModels(): Promise<OwnModels> {
  const { id: textModel } = await obtainTextModel(EMBEDDED_MODEL_ID);
  const others = await listImported('encoder');
  const isThere = (await findImported(DEFAULT_ENCODER_ID)) !== null;
  const encoder = isThere ? DEFAULT_ENCODER_ID : (others[0] ?? null);
  const ids = [textModel, ...(encoder === null ? [] : [encoder])];
  const modelsRoot = modelsDir();
  return { textModel, encoder, models: ids.map((id) => ({ id, modelsRoot })) };
}
