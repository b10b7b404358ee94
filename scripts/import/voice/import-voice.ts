/**
 * `thimble import` of a voice of SVOX Pico: its two files (..._ta.bin and ..._sg.bin in one folder) are
 * validated, copied and hashed.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { parseManifest, requireKind } from '../../../engine/manifest/manifest.ts';
import type { VoiceManifest } from '../../../engine/manifest/manifest.ts';
import { PICO_FILES, VOICE_FILE_MAX_BYTES } from '../../../engine/manifest/voice.ts';
import { PICO_SAMPLE_RATE } from '../../../worker/audio/pico.ts';
import { loadPico } from '../../node-host/voice.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import type { ModelAbout } from '../write/describe-model.ts';
import { aboutFile, importInto, PartialFolder } from '../write/model-folder.ts';
import type { ModelPlace } from '../write/model-folder.ts';

/** Texts are read as English (engine/voice). */
const NAME = /^(en-[A-Z]{2})_ta\.bin$/;
const SIGNAL_NAME = /^(en-[A-Z]{2})_.*sg\.bin$/;

export interface VoiceImportOptions extends ModelPlace {
  /** The file of text analysis; that of the signal is beside it. */
  readonly input: string;
  readonly about?: ModelAbout;
}

/** Whether a file is half of a Pico voice, by its name. */
export function isVoiceFile(path: string): boolean {
  return /_(?:ta|sg)\.bin$/.test(basename(path));
}

/** @throws {EngineError} E_USAGE, E_DISK, E_FORMAT_INVALID for files that Pico does not take. */
export async function importVoice(
  options: VoiceImportOptions,
): Promise<{ folder: string; manifest: VoiceManifest }> {
  return await importInto(options, async (folder) => ({
    folder,
    manifest: await writeVoice(folder, options),
  }));
}

async function writeVoice(
  folder: string,
  { input, id, about }: VoiceImportOptions,
): Promise<VoiceManifest> {
  const language = NAME.exec(basename(input))?.[1];
  if (language === undefined)
    throw new EngineError(
      'E_USAGE',
      `import: ${basename(input)}; expected the text analysis of an English voice, such as en-US_ta.bin, with its ..._sg.bin beside it.`,
    );
  const textAnalysis = await readVoiceFile(input);
  const signal = await readVoiceFile(await findSignal(input, language));
  // A voice that cannot be loaded is found now, and not by the first request.
  await loadPico({ textAnalysis, signal });
  const partial = await PartialFolder.open(folder);
  await partial.put(PICO_FILES.textAnalysis, textAnalysis);
  await partial.put(PICO_FILES.signal, signal);
  const draft: VoiceManifest = {
    kind: 'voice',
    ...aboutFile(id, input, hashBytes(textAnalysis), about),
    engine: 'pico',
    language,
    sampleRate: PICO_SAMPLE_RATE,
    files: partial.files,
  };
  const manifest = requireKind(parseManifest(draft), 'voice');
  await partial.finish(manifest);
  return manifest;
}

async function findSignal(input: string, language: string): Promise<string> {
  const folder = dirname(input);
  const names = await readdir(folder);
  const found = names.find((name) => SIGNAL_NAME.exec(name)?.[1] === language);
  if (found !== undefined) return join(folder, found);
  throw new EngineError(
    'E_USAGE',
    `import: no ${language}_..._sg.bin beside ${basename(input)}; expected the other half of the voice there.`,
  );
}

async function readVoiceFile(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > 0 && size <= VOICE_FILE_MAX_BYTES) return await readFile(path);
  throw new EngineError(
    'E_FORMAT_INVALID',
    `import: ${basename(path)}: ${size} bytes; expected 1 to ${VOICE_FILE_MAX_BYTES}.`,
  );
}
