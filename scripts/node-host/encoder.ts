/** An embedding model in this Node process: what the embedding bench and `eval` run. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { EncoderEngine } from '../../engine/encode/encoder-engine.ts';
import type { EncoderEngineOptions } from '../../engine/encode/encoder-engine.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { EncoderManifest } from '../../engine/manifest/manifest.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { readImported } from '../push/push.ts';
import { FileModelSource, loadKernelModules, readTokenizer } from './engine.ts';
import { modelsDir } from '../lib/paths.ts';

export interface LocalEncoder {
  readonly manifest: EncoderManifest;
  readonly engine: EncoderEngine;
  readonly tokenizer: Tokenizer;
}

/**
 * Loads `<modelsRoot>/<id>`; natively there is no memory limit but the machine's.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, and what the engine's own loading gives.
 */
export async function loadLocalEncoder(
  id: string,
  options: EncoderEngineOptions = {},
  modelsRoot: string = modelsDir(),
): Promise<LocalEncoder> {
  const dir = join(modelsRoot, id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'encoder');
  const tokenizer = await readTokenizer(dir, manifest);
  const engine = await EncoderEngine.load(
    new FileModelSource(dir, manifest),
    await loadKernelModules(),
    { memoryBudgetBytes: null, openTurns: plainTurns(() => setImmediate()), ...options },
  );
  return { manifest, engine, tokenizer };
}
