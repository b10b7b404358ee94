/** The kit's recognition model over files, in this process. */
import {
  collectTranscript,
  transcribeSound,
} from '../../../engine/transcribe/recording/transcribe-recording.ts';
import { PlainWindows } from '../../../engine/transcribe/recording/windows.ts';
import { optionsOf } from '../../../worker/apis/audio/recognition/fields.ts';
import { textOf } from '../../../worker/apis/audio/recognition/transcript-json.ts';
import { loadLocalRecogniser } from '../../node-host/recognition.ts';
import { loadDecoders, LocalSound } from '../../node-host/sound.ts';
import { readRecording } from '../media/files.ts';
import type { Transcribe } from './recordings.ts';

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
    const windows = new PlainWindows(new LocalSound(await readRecording(path), decoders));
    const events = transcribeSound({
      ...{ windows, tokenizer, options },
      transcribe: (request) => engine.transcribe(request, signal),
    });
    const { segments } = await collectTranscript(events, () => undefined);
    return textOf(segments);
  };
}
