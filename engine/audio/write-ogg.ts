/** Ogg pages (RFC 3533) with one Opus stream (RFC 7845), written as packets come. */
import { joinBytes } from '../base/joined.ts';

const HEADER_BYTES = 27;
/** Segments of a page, and the largest length of one. */
const MAX_SEGMENTS = 255;
/** Any number: there is one stream in a file. */
const SERIAL = 1;
const FIRST_PAGE = 2;
const LAST_PAGE = 4;
/** Section 5.2: who has written the file. */
const VENDOR = 'thimble';

export interface OpusStreamInfo {
  readonly nChannel: number;
  /** Samples at 48,000 Hz that a decoder drops at the beginning. */
  readonly preSkip: number;
  /** In Hz, of what was encoded. */
  readonly sampleRate: number;
}

/** One file, page by page. */
export class OggOpusWriter {
  #sequence = 0;

  /** The two header pages. */
  head({ nChannel, preSkip, sampleRate }: OpusStreamInfo): Uint8Array<ArrayBuffer> {
    const id = new Uint8Array(19);
    const view = new DataView(id.buffer);
    id.set(new TextEncoder().encode('OpusHead'));
    id.set([1, nChannel], 8);
    view.setUint16(10, preSkip, true);
    view.setUint32(12, sampleRate, true);
    const vendor = new TextEncoder().encode(VENDOR);
    const tags = new Uint8Array(8 + 4 + vendor.length + 4);
    tags.set(new TextEncoder().encode('OpusTags'));
    new DataView(tags.buffer).setUint32(8, vendor.length, true);
    tags.set(vendor, 12);
    return joinBytes([this.#page([id], 0, FIRST_PAGE), this.#page([tags], 0, 0)]);
  }

  /**
   * A page of whole packets; nothing for none.
   * @param packets together at most 255 segments, which is a second of speech and more
   * @param granule samples at 48,000 Hz up to the end of the last of them
   */
  page(packets: readonly Uint8Array[], granule: number, isLast: boolean): Uint8Array<ArrayBuffer> {
    return this.#page(packets, granule, isLast ? LAST_PAGE : 0);
  }

  #page(packets: readonly Uint8Array[], granule: number, flags: number): Uint8Array<ArrayBuffer> {
    const lacing = packets.flatMap(({ length }) => [
      ...Array<number>(Math.floor(length / MAX_SEGMENTS)).fill(MAX_SEGMENTS),
      length % MAX_SEGMENTS,
    ]);
    if (lacing.length > MAX_SEGMENTS) throw new RangeError(`${lacing.length} segments in a page`);
    const header = new Uint8Array(HEADER_BYTES + lacing.length);
    const view = new DataView(header.buffer);
    header.set(new TextEncoder().encode('OggS'));
    header[5] = flags;
    view.setBigInt64(6, BigInt(granule), true);
    view.setUint32(14, SERIAL, true);
    view.setUint32(18, this.#sequence++, true);
    header[26] = lacing.length;
    header.set(lacing, HEADER_BYTES);
    const page = joinBytes([header, ...packets]);
    new DataView(page.buffer).setUint32(22, checksum(page), true);
    return page;
  }
}

const CRC_POLYNOMIAL = 0x04c1_1db7;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ CRC_POLYNOMIAL : crc << 1;
  return crc;
});

/** RFC 3533 section 6; with zeros where the checksum itself belongs. */
export function checksum(page: Uint8Array): number {
  let crc = 0;
  for (const byte of page) crc = (crc << 8) ^ CRC_TABLE[((crc >>> 24) ^ byte) & 0xff]!;
  return crc >>> 0;
}
