/**
 * The first audio track of a WebM or Matroska file (RFC 9559, on EBML, RFC 8794), as browsers record it: sizes may
 * be unknown, clusters may follow each other without an index.
 */
import { invalidAudio } from './audio-reader.ts';

/** What a track says about itself. */
export interface WebmTrack {
  readonly codec: string;
  /** The codec's own header; empty where there is none. */
  readonly codecPrivate: Uint8Array;
}

export interface WebmPacket {
  readonly data: Uint8Array;
  /** Nanoseconds to be dropped at the end of the packet's sound. */
  readonly discardNs: number;
}

export interface WebmSound {
  readonly track: WebmTrack;
  readonly packets: Generator<WebmPacket, void, void>;
  /** Once read to the end: whether the file ends within an element. */
  readonly isTruncated: boolean;
}

/** Elements by their ids. */
const ID = {
  segment: 0x1853_8067,
  cluster: 0x1f43_b675,
  tracks: 0x1654_ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  contentEncodings: 0x6d80,
  blockGroup: 0xa0,
  block: 0xa1,
  simpleBlock: 0xa3,
  discardPadding: 0x75a2,
} as const;

/** Elements whose children are read; those of all others are passed over with them. */
const PARENTS: ReadonlySet<number> = new Set([
  ...[ID.segment, ID.cluster, ID.tracks, ID.trackEntry, ID.blockGroup],
]);
const AUDIO_TRACK = 2;
/** Elements that may follow each other without sound: a limit for files of nothing else. */
const MAX_SILENT_ELEMENTS = 100_000;
const MAX_TRACKS = 64;

interface TrackFields {
  number: number;
  type: number;
  codec: string;
  codecPrivate: Uint8Array;
  isEncoded: boolean;
}

interface Element {
  readonly id: number;
  readonly data: Uint8Array;
}

/** @throws {EngineError} E_AUDIO_INVALID where there is no audio track, or it is compressed or encrypted once more */
export function openWebm(bytes: Uint8Array): WebmSound {
  const walk = new ElementWalk(bytes);
  const { track, first } = findTrack(walk);
  return {
    track,
    packets: packetsOf(walk, track.number, first),
    get isTruncated() {
      return walk.isTruncated;
    },
  };
}

/** Reads elements up to the first block. */
function findTrack(walk: ElementWalk): { track: TrackFields; first: Element | null } {
  const tracks: TrackFields[] = [];
  let element = walk.next();
  for (; element !== null && !isBlock(element); element = walk.next()) {
    if (element.id === ID.trackEntry) {
      if (tracks.length >= MAX_TRACKS) throw invalidWebm(`more than ${MAX_TRACKS} tracks`);
      tracks.push({
        ...{ number: 0, type: 0, codec: '', isEncoded: false },
        codecPrivate: new Uint8Array(0),
      });
    }
    const track = tracks.at(-1);
    if (track !== undefined) setField(track, element);
  }
  const track = tracks.find(({ type }) => type === AUDIO_TRACK);
  if (track === undefined) throw invalidWebm('no audio track');
  if (track.isEncoded) throw invalidWebm('a track that is compressed or encrypted');
  return { track, first: element };
}

function setField(track: TrackFields, { id, data }: Element): void {
  if (id === ID.trackNumber) track.number = unsigned(data);
  else if (id === ID.trackType) track.type = unsigned(data);
  // The names of codecs are short ASCII, whatever else stands there.
  else if (id === ID.codecId) track.codec = String.fromCharCode(...data.subarray(0, 32));
  else if (id === ID.codecPrivate) track.codecPrivate = data;
  else if (id === ID.contentEncodings) track.isEncoded = true;
}

function* packetsOf(
  walk: ElementWalk,
  track: number,
  first: Element | null,
): Generator<WebmPacket, void, void> {
  // What a block drops at its end is said after it.
  let held: Uint8Array[] = [];
  let discardNs = 0;
  for (let element = first; element !== null; element = walk.next()) {
    if (element.id === ID.discardPadding && held.length > 0)
      discardNs = Math.max(0, unsigned(element.data));
    if (!isBlock(element)) continue;
    const frames = framesOf(element.data, track);
    if (frames.length === 0) continue;
    walk.heard();
    yield* packetsWith(held, discardNs);
    [held, discardNs] = [frames, 0];
  }
  yield* packetsWith(held, discardNs);
}

function* packetsWith(frames: readonly Uint8Array[], discardNs: number): Generator<WebmPacket> {
  for (const [i, data] of frames.entries())
    yield { data, discardNs: i === frames.length - 1 ? discardNs : 0 };
}

function isBlock({ id }: Element): boolean {
  return id === ID.simpleBlock || id === ID.block;
}

/** Frames of a block, laced or not; none of another track's or of a damaged block. */
function framesOf(block: Uint8Array, track: number): Uint8Array[] {
  const number = readVint(block, 0);
  if (number?.value !== track) return [];
  // A time of two bytes stands between.
  const flagsAt = number.end + 2;
  const lacing = ((block[flagsAt] ?? 0) >> 1) & 3;
  const data = block.subarray(flagsAt + 1);
  if (lacing === 0) return data.length === 0 ? [] : [data];
  const nFrame = (data[0] ?? 0) + 1;
  const laced = LACINGS[lacing]!(data, nFrame);
  if (laced === null) return [];
  const frames: Uint8Array[] = [];
  let at = laced.end;
  for (const size of laced.sizes) frames.push(data.subarray(at, (at += size)));
  // The last frame takes what is left.
  if (at > data.length) return [];
  return [...frames, data.subarray(at)];
}

/** Sizes of all frames but the last, and where the first begins; null for what contradicts itself. */
type Lacing = (data: Uint8Array, nFrame: number) => { sizes: number[]; end: number } | null;

const LACINGS: readonly (Lacing | null)[] = [null, xiphLacing, fixedLacing, ebmlLacing];

function xiphLacing(data: Uint8Array, nFrame: number): ReturnType<Lacing> {
  const sizes: number[] = [];
  let at = 1;
  for (let i = 1; i < nFrame; i++) {
    let size = 0;
    while (data[at] === 255) {
      size += 255;
      at++;
    }
    size += data[at++] ?? 0;
    sizes.push(size);
  }
  return { sizes, end: at };
}

function fixedLacing(data: Uint8Array, nFrame: number): ReturnType<Lacing> {
  const size = (data.length - 1) / nFrame;
  if (!Number.isInteger(size)) return null;
  return { sizes: Array<number>(nFrame - 1).fill(size), end: 1 };
}

function ebmlLacing(data: Uint8Array, nFrame: number): ReturnType<Lacing> {
  const sizes: number[] = [];
  let at = 1;
  for (let i = 1; i < nFrame; i++) {
    const vint = readVint(data, at);
    if (vint === null) return null;
    // From the second on, sizes are differences about the middle of the range.
    const length = vint.end - at;
    const size = i === 1 ? vint.value : sizes[i - 2]! + vint.value - (2 ** (7 * length - 1) - 1);
    if (size < 0) return null;
    sizes.push(size);
    at = vint.end;
  }
  return { sizes, end: at };
}

/** Elements one after the other, parents before their children. */
class ElementWalk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #nSilent = 0;
  isTruncated = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Null at the end. @throws {EngineError} E_AUDIO_INVALID for too many elements without sound */
  next(): Element | null {
    if (this.#at >= this.#bytes.length) return null;
    if (++this.#nSilent > MAX_SILENT_ELEMENTS)
      throw invalidWebm(`more than ${MAX_SILENT_ELEMENTS} elements without sound`);
    const id = readVint(this.#bytes, this.#at, true);
    const size = id === null ? null : readVint(this.#bytes, id.end);
    if (id === null || size === null) return this.#cut();
    const isParent = PARENTS.has(id.value);
    const end = size.end + size.value;
    if (isParent) {
      this.#at = size.end;
      return { id: id.value, data: new Uint8Array(0) };
    }
    if (!(end <= this.#bytes.length)) return this.#cut();
    this.#at = end;
    return { id: id.value, data: this.#bytes.subarray(size.end, end) };
  }

  /** There was sound: elements are counted anew. */
  heard(): void {
    this.#nSilent = 0;
  }

  #cut(): null {
    this.#at = this.#bytes.length;
    this.isTruncated = true;
    return null;
  }
}

/**
 * A number whose first byte says how long it is (RFC 8794 section 4).
 * @param isId ids keep the bit that marks their length
 * @returns Infinity as the value where all bits are set, which means unknown; null when the bytes end
 */
function readVint(
  bytes: Uint8Array,
  at: number,
  isId = false,
): { value: number; end: number } | null {
  const first = bytes[at];
  if (first === undefined || first === 0) return null;
  const length = Math.clz32(first) - 23;
  const end = at + length;
  if (end > bytes.length) return null;
  let value = isId ? first : first & (0xff >> length);
  let isUnknown = value === 0xff >> length;
  for (let i = at + 1; i < end; i++) {
    value = value * 256 + bytes[i]!;
    isUnknown &&= bytes[i] === 0xff;
  }
  return { value: isUnknown && !isId ? Infinity : value, end };
}

/** An unsigned number of up to six bytes; what is longer is not used here. */
function unsigned(data: Uint8Array): number {
  return data.length > 6 ? 0 : data.reduce((value, byte) => value * 256 + byte, 0);
}

function invalidWebm(what: string) {
  return invalidAudio(`webm: ${what}`, 'a track of sound', 'Record it again, or convert it to WAV');
}
