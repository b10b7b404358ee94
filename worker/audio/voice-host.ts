/** The small voice that this isolate holds: one at a time, 17 MB of WebAssembly memory. */
import { EngineError } from '../../engine/base/errors.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { VoiceManifest } from '../../engine/manifest/manifest.ts';
import { PICO_FILES } from '../../engine/manifest/voice.ts';
import { readManifest, readModelFile } from '../platform/model-files.ts';
import { modelKey } from '../platform/model-keys.ts';
import { PicoVoice } from './pico.ts';

interface Held {
  readonly id: string;
  readonly version: string;
  readonly voice: Promise<PicoVoice>;
}

let held: Held | null = null;

/**
 * The latest pushed version of the voice.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_WEIGHTS_FETCH, E_WEIGHTS_HASH, E_FORMAT_INVALID
 */
export async function voiceOf(
  bucket: R2Bucket,
  module: WebAssembly.Module,
  id: string,
): Promise<PicoVoice> {
  const known = held?.id === id ? held : null;
  const stored = await readManifest(bucket, id, known?.version);
  if (stored === 'unchanged' && known !== null) return await known.voice;
  if (stored === null || stored === 'unchanged')
    throw new EngineError('E_MODEL_NOT_FOUND', `model: no voice ${JSON.stringify(id)}. Push it.`, {
      param: 'model',
    });
  const { version } = stored;
  // Another request has begun to load it in the meantime.
  if (held?.id === id && held.version === version) return await held.voice;
  const made: Held = {
    ...{ id, version },
    voice: load(bucket, module, requireKind(stored.manifest, 'voice')),
  };
  held = made;
  return await made.voice.catch((error: unknown) => {
    if (held === made) held = null;
    throw error;
  });
}

/** Drops a voice that has failed: the next request loads it again. */
export function dropVoice(): void {
  held = null;
}

async function load(
  bucket: R2Bucket,
  module: WebAssembly.Module,
  manifest: VoiceManifest,
): Promise<PicoVoice> {
  const [textAnalysis, signal] = await Promise.all(
    [PICO_FILES.textAnalysis, PICO_FILES.signal].map((file) => readChecked(bucket, manifest, file)),
  );
  return await PicoVoice.load(module, { textAnalysis: textAnalysis!, signal: signal! });
}

/** The program trusts its files, so they must be exactly those that were imported. */
async function readChecked(
  bucket: R2Bucket,
  { id, files }: VoiceManifest,
  file: string,
): Promise<Uint8Array> {
  const row = files.find((candidate) => candidate.file === file)!;
  const bytes = await readModelFile(bucket, id, row);
  const got = await sha256Hex(bytes);
  if (got === row.sha256) return bytes;
  const key = modelKey(id, row);
  throw new EngineError(
    'E_WEIGHTS_HASH',
    `storage: ${key}: SHA-256; expected ${row.sha256}, got ${got}. Push the model again.`,
    { details: { key, expected: row.sha256, got } },
  );
}
