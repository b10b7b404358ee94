/** Recognises the format of a recording by its first bytes, whatever its name says, and opens it. */
import { invalidAudio, tagAt } from '../../engine/audio/audio-reader.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { findFlac, id3Bytes, openFlac } from '../../engine/audio/flac.ts';
import { openPcm16, openWav } from '../../engine/audio/wav.ts';
import { isAdts } from '../../engine/audio/aac/adts.ts';
import { openAdts, openM4a } from '../../engine/audio/aac/open-aac.ts';
import { openMp3 } from './mp3.ts';
import { openOpus } from './opus.ts';
import { openWebmSound } from './webm.ts';

/** WebAssembly modules of the decoders, compiled by the host. */
export interface DecoderModules {
  readonly mp3: WebAssembly.Module;
  readonly opus: WebAssembly.Module;
}

/** The format of bytes without a header, as the sender states it. */
export interface RawFormat {
  readonly sampleRate: number;
  readonly nChannel: number;
}

interface Container {
  readonly is: (bytes: Uint8Array) => boolean;
  readonly open: (bytes: Uint8Array, modules: DecoderModules) => AudioReader | Promise<AudioReader>;
}

/** Formats in the order they are tried. */
const CONTAINERS: readonly Container[] = [
  {
    is: (bytes) => tagAt(bytes, 0) === 'RIFF' && tagAt(bytes, 8) === 'WAVE',
    open: (bytes) => openWav(bytes),
  },
  { is: (bytes) => findFlac(bytes) >= 0, open: (bytes) => openFlac(bytes, findFlac(bytes)) },
  {
    is: (bytes) => tagAt(bytes, 0) === 'OggS',
    open: (bytes, { opus }) => openOpus(bytes, opus),
  },
  {
    is: (bytes) => tagAt(bytes, 0) === '\x1a\x45\xdf\xa3',
    open: (bytes, { opus }) => openWebmSound(bytes, opus),
  },
  { is: (bytes) => tagAt(bytes, 4) === 'ftyp', open: (bytes) => openM4a(bytes) },
  // Before MP3, whose frames may begin with a tag as well.
  { is: isAdts, open: (bytes) => openAdts(bytes) },
  {
    // A layer 3 frame header: eleven set bits, then a valid version, layer and rate.
    is: (bytes) => {
      const at = id3Bytes(bytes);
      const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
      const isFrame =
        a === 0xff && (b & 0xe6) === 0xe2 && (b & 0x18) !== 0x08 && (c & 0x0c) !== 0x0c;
      return isFrame || (at > 0 && at < bytes.length);
    },
    open: (bytes, { mp3 }) => openMp3(bytes, mp3),
  },
];

/** Formats that people send although they are not supported, by their first bytes. */
const NOT_READ: readonly (readonly [what: string, is: (bytes: Uint8Array) => boolean])[] = [
  ['AIFF', (bytes) => tagAt(bytes, 0) === 'FORM'],
];

/**
 * @param raw the format of 16-bit PCM without a header; null for files with one
 * @throws {EngineError} E_AUDIO_INVALID
 */
export async function openAudio(
  bytes: Uint8Array,
  modules: DecoderModules,
  raw: RawFormat | null = null,
): Promise<AudioReader> {
  if (bytes.length === 0) throw invalidAudio('0 bytes', 'a recording', 'Send the file itself');
  if (raw !== null) return openPcm16(bytes, raw.sampleRate, raw.nChannel);
  const container = CONTAINERS.find(({ is }) => is(bytes));
  if (container !== undefined) return await container.open(bytes, modules);
  const known = NOT_READ.find(([, is]) => is(bytes))?.[0];
  throw invalidAudio(
    known === undefined ? 'not a recording in a known format' : `${known} is not read here`,
    'WAV, FLAC, MP3, M4A or AAC, or Opus in Ogg or WebM',
    'Convert it to one of these',
  );
}
