/** Sound in WebM and Matroska, by its codec. */
import { openAacPackets } from '../../engine/audio/aac/open-aac.ts';
import { invalidAudio } from '../../engine/audio/audio-reader.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { openWebm } from '../../engine/audio/webm.ts';
import type { WebmSound } from '../../engine/audio/webm.ts';
import { openWebmOpus } from './opus.ts';

type OpenTrack = (webm: WebmSound, opus: WebAssembly.Module) => AudioReader | Promise<AudioReader>;

/** By Matroska's names of codecs. */
const CODECS: Readonly<Record<string, OpenTrack>> = {
  A_OPUS: (webm, opus) => openWebmOpus(webm, opus),
  A_AAC: (webm) => {
    const units = (function* () {
      for (const { data } of webm.packets) yield data;
    })();
    return openAacPackets('webm-aac', webm.track.codecPrivate, {
      packets: units,
      get isTruncated() {
        return webm.isTruncated;
      },
    });
  },
};

/** @throws {EngineError} E_AUDIO_INVALID for a file without sound, or with another codec */
export async function openWebmSound(
  bytes: Uint8Array,
  opus: WebAssembly.Module,
): Promise<AudioReader> {
  const webm = openWebm(bytes);
  const { codec } = webm.track;
  if (!Object.hasOwn(CODECS, codec))
    throw invalidAudio(
      `webm: sound as ${JSON.stringify(codec)}`,
      Object.keys(CODECS).join(' or '),
      'Convert it to WAV, FLAC, MP3 or Opus',
    );
  return await CODECS[codec]!(webm, opus);
}
