/**
 * The first track of sound in an MP4 or M4A file (ISO/IEC 14496-12 and -14): whole ones, and those in fragments as
 * Safari's `MediaRecorder` gives them.
 */
import { tagAt } from './audio-reader.ts';
import { boxesOf, findBox, findPath, invalidMp4, uint32At, viewOf } from './mp4-boxes.ts';
import type { Box } from './mp4-boxes.ts';
import { fragmentUnits } from './mp4-fragments.ts';
import { tableUnits } from './mp4-tables.ts';

export interface Mp4Sound {
  /** AudioSpecificConfig. */
  readonly config: Uint8Array;
  /** Access units of the codec; null for one that the file no longer has. */
  readonly units: Iterator<Uint8Array | null, void, void>;
  /** Seconds to drop at the beginning, and how many are meant to be heard; null for all. */
  readonly skipSeconds: number;
  readonly heardSeconds: number | null;
}

/** `objectTypeIndication` of AAC: MPEG-4, and MPEG-2 Low Complexity. */
const AAC_TYPES: readonly number[] = [0x40, 0x67];

/** @throws {EngineError} E_AUDIO_INVALID where there is no track of AAC */
export function openMp4(bytes: Uint8Array): Mp4Sound {
  const moov = findBox(bytes, 'moov');
  if (moov === null) throw invalidMp4('no description of its tracks');
  const tracks = [...boxesOf(moov)].filter(({ type }) => type === 'trak');
  const track = tracks.find(isSound)?.data;
  if (track === undefined) throw invalidMp4('no track of sound');
  const tables = findPath(track, ['mdia', 'minf', 'stbl']) ?? new Uint8Array(0);
  const extended = findBox(moov, 'mvex');
  const units =
    extended === null ? tableUnits(bytes, tables) : fragmentUnits(bytes, trackId(track), extended);
  return { config: readConfig(tables), units, ...readEdit(track, moov) };
}

function isSound({ data }: Box): boolean {
  const handler = findPath(data, ['mdia', 'hdlr']);
  return handler !== null && tagAt(handler, 8) === 'soun';
}

function trackId(track: Uint8Array): number {
  const header = findBox(track, 'tkhd') ?? new Uint8Array(0);
  return uint32At(header, header[0] === 1 ? 20 : 12);
}

/** The first sample entry's configuration. Fields before its children grow with QuickTime's versions. */
function readConfig(tables: Uint8Array): Uint8Array {
  const description = findBox(tables, 'stsd') ?? new Uint8Array(0);
  const [entry] = boxesOf(description.subarray(8));
  if (entry?.type !== 'mp4a')
    throw invalidMp4(`sound as ${JSON.stringify(entry?.type ?? 'nothing')}`);
  const version = entry.data[9] ?? 0;
  const children = entry.data.subarray(28 + ([0, 16, 36][version] ?? 0));
  const esds = findBox(children, 'esds') ?? findPath(children, ['wave', 'esds']);
  const config = esds === null ? null : decoderConfig(esds.subarray(4));
  if (config === null) throw invalidMp4('no configuration of AAC');
  return config;
}

/** Descriptors in each other (ISO/IEC 14496-1 7.2.6): ES, then DecoderConfig, then DecoderSpecificInfo. */
function decoderConfig(esds: Uint8Array): Uint8Array | null {
  const stream = descriptor(esds, 3);
  if (stream === null) return null;
  const flags = stream[2] ?? 0;
  const urlBytes = (flags & 0x40) === 0 ? 0 : 1 + (stream[3 + ((flags & 0x80) >> 6)] ?? 0);
  const skipped = 3 + ((flags & 0x80) >> 6) + urlBytes + ((flags & 0x20) >> 4);
  const decoder = descriptor(stream.subarray(skipped), 4);
  if (decoder === null || !AAC_TYPES.includes(decoder[0] ?? 0)) return null;
  return descriptor(decoder.subarray(13), 5);
}

/** The contents of a descriptor at the beginning of `bytes`; its length has seven bits a byte. */
function descriptor(bytes: Uint8Array, tag: number): Uint8Array | null {
  if (bytes[0] !== tag) return null;
  let length = 0;
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at] ?? 0;
    length = length * 128 + (byte & 127);
    if (byte < 128) return bytes.subarray(at + 1, at + 1 + length);
  }
  return null;
}

/** What an edit list leaves of the track: encoders begin with samples that are not to be heard. */
function readEdit(track: Uint8Array, moov: Uint8Array) {
  const whole = { skipSeconds: 0, heardSeconds: null };
  const list = findPath(track, ['edts', 'elst']);
  const mediaScale = timescale(findPath(track, ['mdia', 'mdhd']));
  const movieScale = timescale(findBox(moov, 'mvhd'));
  if (list === null || mediaScale === 0 || movieScale === 0) return whole;
  const isLong = list[0] === 1;
  const entryBytes = isLong ? 20 : 12;
  const view = viewOf(list);
  const edits: { seconds: number; mediaTime: number }[] = [];
  for (let at = 8; at + entryBytes <= list.length && edits.length < 4; at += entryBytes) {
    const duration = isLong ? Number(view.getBigUint64(at)) : view.getUint32(at);
    const mediaTime = isLong ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4);
    // A time of -1 is a pause before the sound.
    if (mediaTime >= 0) edits.push({ seconds: duration / movieScale, mediaTime });
  }
  const [edit] = edits;
  if (edit === undefined || edits.length > 1) return whole;
  return {
    skipSeconds: edit.mediaTime / mediaScale,
    heardSeconds: edit.seconds === 0 ? null : edit.seconds,
  };
}

/** Units a second, of a header of either version. */
function timescale(header: Uint8Array | null): number {
  return header === null ? 0 : uint32At(header, header[0] === 1 ? 20 : 12);
}
