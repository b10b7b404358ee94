/**
 * Lengths of WebAssembly's instructions: what follows each opcode
 * (https://webassembly.github.io/spec/core/binary/instructions.html). Nothing is known of what they do.
 */
import { invalid } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';

export const LOOP = 0x03;

/** Reads what follows an opcode. */
type Immediates = (reader: ByteReader) => void;

const none: Immediates = () => undefined;
const numbers =
  (n: number): Immediates =>
  (reader) => {
    for (let i = 0; i < n; i++) reader.skipNumber();
  };
const bytes =
  (n: number): Immediates =>
  (reader) =>
    reader.skip(n);
/** Bit 6 of the alignment: the number of a memory follows. */
const HAS_MEMORY = 0x40;
const address: Immediates = (reader) => {
  if ((reader.number() & HAS_MEMORY) !== 0) reader.skipNumber();
  reader.skipNumber();
};
const addressAndLane: Immediates = (reader) => {
  address(reader);
  reader.skip(1);
};
const labels: Immediates = (reader) => {
  numbers(reader.number() + 1)(reader);
};
/** Types that are references to a type of the module, which a number follows. */
const TYPED_REFERENCES = new Set([0x63, 0x64]);
const types: Immediates = (reader) => {
  for (let n = reader.number(); n > 0; n--)
    if (TYPED_REFERENCES.has(reader.byte())) reader.skipNumber();
};
const blockType: Immediates = (reader) => {
  const at = reader.at;
  const first = reader.byte();
  if (TYPED_REFERENCES.has(first)) return reader.skipNumber();
  reader.at = at;
  reader.skipNumber();
};
/** Kinds of catch clauses that name no tag. */
const CATCHES_ALL = new Set([2, 3]);
const tryTable: Immediates = (reader) => {
  blockType(reader);
  for (let n = reader.number(); n > 0; n--) numbers(CATCHES_ALL.has(reader.byte()) ? 1 : 2)(reader);
};

interface Row {
  readonly from: number;
  readonly to: number;
  readonly read: Immediates;
}
const row = (from: number, to: number, read: Immediates): Row => ({ from, to, read });

/** Opcodes after the prefix 0xfc: saturating conversions, memories and tables as a whole. */
const BULK: readonly Row[] = [
  row(0, 7, none),
  row(8, 8, numbers(2)),
  row(9, 9, numbers(1)),
  row(10, 10, numbers(2)),
  row(11, 11, numbers(1)),
  row(12, 12, numbers(2)),
  row(13, 13, numbers(1)),
  row(14, 14, numbers(2)),
  row(15, 17, numbers(1)),
];

/** Opcodes after the prefix 0xfd: vectors. */
const VECTORS: readonly Row[] = [
  row(0, 11, address),
  row(12, 13, bytes(16)),
  row(14, 20, none),
  row(21, 34, bytes(1)),
  row(35, 83, none),
  row(84, 91, addressAndLane),
  row(92, 93, address),
  row(94, 0x113, none),
];

/** Opcodes after the prefix 0xfe: atomic operations. */
const ATOMICS: readonly Row[] = [row(0, 2, address), row(3, 3, bytes(1)), row(0x10, 0x4e, address)];

const prefixed =
  (rows: readonly Row[]): Immediates =>
  (reader) =>
    immediatesOf(rows, reader.number())(reader);

const OPCODES: readonly Row[] = [
  row(0x00, 0x01, none),
  row(0x02, 0x04, blockType),
  row(0x05, 0x05, none),
  row(0x06, 0x06, blockType),
  row(0x07, 0x09, numbers(1)),
  row(0x0a, 0x0b, none),
  row(0x0c, 0x0d, numbers(1)),
  row(0x0e, 0x0e, labels),
  row(0x0f, 0x0f, none),
  row(0x10, 0x10, numbers(1)),
  row(0x11, 0x11, numbers(2)),
  row(0x12, 0x12, numbers(1)),
  row(0x13, 0x13, numbers(2)),
  row(0x14, 0x15, numbers(1)),
  row(0x18, 0x18, numbers(1)),
  row(0x19, 0x1b, none),
  row(0x1c, 0x1c, types),
  row(0x1f, 0x1f, tryTable),
  row(0x20, 0x26, numbers(1)),
  row(0x28, 0x3e, address),
  row(0x3f, 0x42, numbers(1)),
  row(0x43, 0x43, bytes(4)),
  row(0x44, 0x44, bytes(8)),
  row(0x45, 0xc4, none),
  row(0xd0, 0xd0, numbers(1)),
  row(0xd1, 0xd1, none),
  row(0xd2, 0xd2, numbers(1)),
  row(0xd3, 0xd4, none),
  row(0xd5, 0xd6, numbers(1)),
  row(0xfc, 0xfc, prefixed(BULK)),
  row(0xfd, 0xfd, prefixed(VECTORS)),
  row(0xfe, 0xfe, prefixed(ATOMICS)),
];

function immediatesOf(rows: readonly Row[], opcode: number): Immediates {
  const found = rows.find(({ from, to }) => from <= opcode && opcode <= to);
  if (found === undefined) throw invalid(`instruction 0x${opcode.toString(16)} is not known`);
  return found.read;
}

/** By opcode: a module has millions of instructions. */
const BY_OPCODE: readonly (Immediates | null)[] = Array.from(
  { length: 256 },
  (_, opcode) => OPCODES.find(({ from, to }) => from <= opcode && opcode <= to)?.read ?? null,
);

/** Reads one instruction. @returns its opcode, or the prefix of it */
export function readInstruction(reader: ByteReader): number {
  const opcode = reader.byte();
  const read = BY_OPCODE[opcode];
  if (read == null) throw invalid(`instruction 0x${opcode.toString(16)} is not known`);
  read(reader);
  return opcode;
}
