/**
 * The bytes behind a vocabulary's spelling of a token: byte-level BPE writes each byte as one
 * printable character (GPT-2's table), SentencePiece writes spaces as U+2581 and bytes as <0xHH>.
 */

const METASPACE = '\u2581';
const BYTE_PIECE = /^<0x([0-9A-Fa-f]{2})>$/;

/** GPT-2's table: printable Latin-1 stands for itself, the other bytes follow from U+0100 on. */
const BYTE_OF_CODE_POINT: ReadonlyMap<number, number> = buildByteTable();

function buildByteTable(): Map<number, number> {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const table = new Map<number, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) table.set(isPrintable(byte) ? byte : next++, byte);
  return table;
}

export function bytesOfByteLevelPiece(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of piece) {
    const byte = BYTE_OF_CODE_POINT.get(char.codePointAt(0) ?? -1);
    if (byte === undefined) bytes.push(...new TextEncoder().encode(char));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

export function bytesOfSentencePiece(piece: string): Uint8Array {
  const byte = BYTE_PIECE.exec(piece)?.[1];
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
  return new TextEncoder().encode(piece.replaceAll(METASPACE, ' '));
}
