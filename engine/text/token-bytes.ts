/**
 * The bytes that a vocabulary's spelling of a token stands for: byte-level BPE writes each byte as one
 * printable character (GPT-2's table), SentencePiece writes spaces as U+2581 and bytes as <0xHH>,
 * WordPiece writes what continues a word with ## before it.
 */

const METASPACE = '\u2581';
const BYTE_PIECE = /^<0x([0-9A-Fa-f]{2})>$/;

/** Bytes by code point; NO_BYTE where GPT-2's table has none. */
const NO_BYTE = 0xffff;
/** GPT-2's table: printable Latin-1 stands for itself, the other bytes follow from U+0100 on. */
const BYTE_OF_CODE_POINT: Uint16Array = buildByteTable();

function buildByteTable(): Uint16Array {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const table = new Uint16Array(0x200).fill(NO_BYTE);
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) table[isPrintable(byte) ? byte : next++] = byte;
  return table;
}

/** The characters that stand for bytes, in the order of their code points. */
export function byteLevelAlphabet(): string[] {
  return [...BYTE_OF_CODE_POINT.keys()]
    .filter((code) => BYTE_OF_CODE_POINT[code] !== NO_BYTE)
    .map((code) => String.fromCharCode(code));
}

const CODE_POINT_OF_BYTE: Uint16Array = inverseTable();

function inverseTable(): Uint16Array {
  const table = new Uint16Array(256);
  for (const [code, byte] of BYTE_OF_CODE_POINT.entries()) if (byte !== NO_BYTE) table[byte] = code;
  return table;
}

/** Bytes as the characters that stand for them. */
export function byteLevelPiece(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(CODE_POINT_OF_BYTE[byte]!)).join('');
}

export function bytesOfByteLevelPiece(piece: string): Uint8Array {
  const bytes = new Uint8Array(piece.length);
  for (let i = 0; i < piece.length; i++) {
    const byte = BYTE_OF_CODE_POINT[piece.charCodeAt(i)] ?? NO_BYTE;
    if (byte === NO_BYTE) return bytesOfMixedPiece(piece);
    bytes[i] = byte;
  }
  return bytes;
}

/** A piece with characters outside the table, which stand for their own UTF-8. */
function bytesOfMixedPiece(piece: string): Uint8Array {
  const encoder = new TextEncoder();
  const bytes = [...piece].flatMap((char) => {
    const byte = BYTE_OF_CODE_POINT[char.codePointAt(0) ?? 0] ?? NO_BYTE;
    return byte === NO_BYTE ? [...encoder.encode(char)] : [byte];
  });
  return Uint8Array.from(bytes);
}

export function bytesOfSentencePiece(piece: string): Uint8Array {
  const byte = BYTE_PIECE.exec(piece)?.[1];
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
  return new TextEncoder().encode(piece.replaceAll(METASPACE, ' '));
}

/** A word begins after a space; what continues one is marked. Case and accents are lost. */
export function bytesOfWordPiece(piece: string): Uint8Array {
  return new TextEncoder().encode(piece.startsWith('##') ? piece.slice(2) : ` ${piece}`);
}
