/** The kit's recognition model over files, in this process. */
import { readFile, stat } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import {
  collectTranscript,
  transcribeSound,
} from '../../engine/transcribe/recording/transcribe-recording.ts';
import { PlainWindows } from '../../engine/transcribe/recording/windows.ts';
import { optionsOf } from '../../worker/apis/audio/recognition/fields.ts';
import { textOf } from '../../worker/apis/audio/recognition/transcript-json.ts';
import { MAX_AUDIO_BYTES } from '../../worker/audio/limits.ts';
import { loadLocalRecogniser } from '../node-host/recognition.ts';
import { loadDecoders, LocalSound } from '../node-host/sound.ts';
import type { Transcribe } from './align.ts';

/** @param id an imported recognition model @throws {EngineError} as `loadLocalRecogniser` does */
export async function loadTranscriber(
  id: string,
  language: string | undefined,
  signal: AbortSignal,
): Promise<Transcribe> {
  const { engine, tokenizer, manifest } = await loadLocalRecogniser(id);
  const decoders = await loadDecoders();
  const options = optionsOf(
    { ...(language === undefined ? {} : { language }), wantsWords: false },
    'transcribe',
    manifest.config,
    tokenizer,
  );
  return async (path) => {
    const { size } = await stat(path);
    if (size > MAX_AUDIO_BYTES)
      throw new EngineError(
        'E_AUDIO_INVALID',
        `audio: ${path} has ${size} bytes; expected at most ${MAX_AUDIO_BYTES}. Cut it.`,
      );
    const windows = new PlainWindows(new LocalSound(await readFile(path), decoders));
    const events = transcribeSound({
      ...{ windows, tokenizer, options },
      transcribe: (request) => engine.transcribe(request, signal),
    });
    const { segments } = await collectTranscript(events, () => undefined);
    return textOf(segments);
  };
}
