/** Checksums of FLAC's frames and of their headers (RFC 9639, 9.1.8 and 9.3). */

const TABLE_8 = checksumTable(8, 0x07);
const TABLE_16 = checksumTable(16, 0x8005);

function checksumTable(nBit: number, polynomial: number): Uint16Array {
  const top = 1 << (nBit - 1);
  const mask = 2 ** nBit - 1;
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let value = byte << (nBit - 8);
    for (let i = 0; i < 8; i++) value = value & top ? (value << 1) ^ polynomial : value << 1;
    return value & mask;
  });
}

export function checksum8(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum = TABLE_8[sum ^ bytes[i]!]!;
  return sum;
}

export function checksum16(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum = ((sum << 8) ^ TABLE_16[(sum >> 8) ^ bytes[i]!]!) & 0xffff;
  return sum;
}
