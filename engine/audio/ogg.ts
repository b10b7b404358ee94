/** Packets of an Ogg file's first logical stream (RFC 3533). */
import { joinBytes } from '../base/joined.ts';
import { invalidAudio, tagAt } from './audio-reader.ts';

const HEADER_BYTES = 27;
/** Opus packets are at most 61 kB (RFC 6716); comments with pictures are longer. */
const MAX_PACKET_BYTES = 16 * 1024 * 1024;

export interface OggPacket {
  readonly data: Uint8Array;
  /** Samples of the stream up to the end of this packet's page, for the last packet that ends on it. */
  readonly granule: number | null;
  /** Whether nothing follows it. */
  readonly isLast: boolean;
}

/**
 * A page that was cut off, or bytes that are not a page, end the packets; then none of them `isLast`.
 * @throws {EngineError} E_AUDIO_INVALID for a packet of more than MAX_PACKET_BYTES.
 */
export function* oggPackets(bytes: Uint8Array): Generator<OggPacket, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let serial: number | null = null;
  let parts: Uint8Array[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && tagAt(bytes, at) === 'OggS') {
    const nSegment = bytes[at + 26]!;
    const dataAt = at + HEADER_BYTES + nSegment;
    const lengths = bytes.subarray(at + HEADER_BYTES, dataAt);
    const end = dataAt + lengths.reduce((sum, length) => sum + length, 0);
    if (end > bytes.length) return;
    const pageSerial = view.getUint32(at + 14, true);
    serial ??= pageSerial;
    if (pageSerial === serial) {
      const isLastPage = (bytes[at + 5]! & 4) !== 0;
      const granule = Number(view.getBigInt64(at + 6, true));
      const lastEnd = lengths.findLastIndex((length) => length < 255);
      let from = dataAt;
      for (const [i, length] of lengths.entries()) {
        parts.push(bytes.subarray(from, from + length));
        from += length;
        if (length === 255) continue;
        const isPageEnd = i === lastEnd;
        yield {
          data: joined(parts),
          granule: isPageEnd && granule >= 0 ? granule : null,
          isLast: isLastPage && isPageEnd,
        };
        parts = [];
      }
      if (isLastPage) return;
    }
    at = end;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (bytes > MAX_PACKET_BYTES)
    throw invalidAudio(
      `ogg: a packet of ${bytes} bytes`,
      `at most ${MAX_PACKET_BYTES}`,
      'Encode it again',
    );
  return joinBytes(parts);
}
