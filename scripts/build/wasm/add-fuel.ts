/**
 * Puts a counter into a WebAssembly module: every iteration of a loop and every call of a function takes one
 * from it, and below zero the module traps. Works on the bytes, since a text of a large module takes minutes.
 */
import { joinBytes } from '../../../engine/base/joined.ts';
import { ByteReader, invalid, lebOf, signedLebOf } from './byte-reader.ts';
import { LOOP, readInstruction } from './instructions.ts';

/** Sections by their ids (https://webassembly.github.io/spec/core/binary/modules.html). */
const CUSTOM = 0;
const IMPORTS = 2;
const GLOBALS = 6;
const EXPORTS = 7;
const CODE = 10;
/** Sections in their order; that of tags (13) comes before globals. */
const ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, GLOBALS, EXPORTS, 8, 9, 12, CODE, 11];
const HEADER_BYTES = 8;
const I64 = 0x7e;
const MUTABLE = 1;
const GLOBAL = 3;
const [END, UNREACHABLE, IF, VOID] = [0x0b, 0x00, 0x04, 0x40];
const [GLOBAL_GET, GLOBAL_SET, I64_CONST, I64_LT_S, I64_SUB] = [0x23, 0x24, 0x42, 0x53, 0x7d];
/** What follows the type of an import, by its kind: function, table, memory, global, tag. */
const IMPORT_TYPES: readonly ((reader: ByteReader) => void)[] = [
  (reader) => reader.skipNumber(),
  (reader) => {
    reader.skip(1);
    skipLimits(reader);
  },
  skipLimits,
  (reader) => reader.skip(2),
  (reader) => {
    reader.skip(1);
    reader.skipNumber();
  },
];
const encoder = new TextEncoder();

interface Section {
  readonly id: number;
  readonly content: Uint8Array;
}

export interface Fueled {
  readonly wasm: Uint8Array;
  /** Places where a step is taken. */
  readonly nStep: number;
}

/**
 * @param name of the counter among the exports, a mutable i64
 * @param startSteps steps before the counter is filled
 * @throws {EngineError} E_INTERNAL for what is not a module, or has instructions that are not known
 */
export function addFuel(wasm: Uint8Array, name: string, startSteps: number): Fueled {
  const sections = sectionsOf(wasm);
  const contentOf = (id: number): Uint8Array | null =>
    sections.find((section) => section.id === id)?.content ?? null;
  const fuel = countImportedGlobals(contentOf(IMPORTS)) + countOf(contentOf(GLOBALS));
  const step = stepOf(fuel);
  const global = [I64, MUTABLE, I64_CONST, ...signedLebOf(startSteps), END];
  const nameBytes = encoder.encode(name);
  const exported = [...lebOf(nameBytes.length), ...nameBytes, GLOBAL, ...lebOf(fuel)];
  const code = addSteps(contentOf(CODE), step);
  const changed = new Map<number, Uint8Array>([
    [GLOBALS, withRow(contentOf(GLOBALS), global)],
    [EXPORTS, withRow(contentOf(EXPORTS), exported)],
    [CODE, code.content],
  ]);
  const parts = [wasm.subarray(0, HEADER_BYTES)];
  for (const { id, content } of inOrder(sections, changed))
    parts.push(Uint8Array.from([id, ...lebOf(content.length)]), content);
  return { wasm: joinBytes(parts), nStep: code.nStep };
}

function sectionsOf(wasm: Uint8Array): Section[] {
  const reader = new ByteReader(wasm);
  reader.skip(HEADER_BYTES);
  const sections: Section[] = [];
  while (!reader.isAtEnd) {
    const id = reader.byte();
    const nBytes = reader.number();
    const start = reader.at;
    reader.skip(nBytes);
    sections.push({ id, content: reader.slice(start) });
  }
  return sections;
}

/** All sections, changed ones in their places. Custom ones tell of positions in code, and are dropped. */
function inOrder(
  sections: readonly Section[],
  changed: ReadonlyMap<number, Uint8Array>,
): readonly Section[] {
  const unknown = sections.find(({ id }) => id !== CUSTOM && !ORDER.includes(id));
  if (unknown !== undefined) throw invalid(`section ${unknown.id} is not known`);
  return ORDER.flatMap((id) => {
    const content =
      changed.get(id) ?? sections.find((section) => section.id === id)?.content ?? null;
    return content === null ? [] : [{ id, content }];
  });
}

function countOf(content: Uint8Array | null): number {
  return content === null ? 0 : new ByteReader(content).number();
}

function withRow(content: Uint8Array | null, row: readonly number[]): Uint8Array {
  const reader = new ByteReader(content ?? Uint8Array.of(0));
  const count = reader.number();
  const rows = (content ?? Uint8Array.of(0)).subarray(reader.at);
  return joinBytes([Uint8Array.from(lebOf(count + 1)), rows, Uint8Array.from(row)]);
}

function countImportedGlobals(content: Uint8Array | null): number {
  if (content === null) return 0;
  const reader = new ByteReader(content);
  let nGlobal = 0;
  for (let n = reader.number(); n > 0; n--) {
    for (let i = 0; i < 2; i++) reader.skip(reader.number());
    const kind = reader.byte();
    const skipType = IMPORT_TYPES[kind];
    if (skipType === undefined) throw invalid(`import of kind ${kind} is not known`);
    skipType(reader);
    if (kind === GLOBAL) nGlobal++;
  }
  return nGlobal;
}

function skipLimits(reader: ByteReader): void {
  const hasMaximum = (reader.byte() & 1) !== 0;
  reader.skipNumber();
  if (hasMaximum) reader.skipNumber();
}

/** One step, without a value on the stack before or after. */
function stepOf(fuel: number): Uint8Array {
  const index = lebOf(fuel);
  return Uint8Array.from([
    ...[GLOBAL_GET, ...index, I64_CONST, 1, I64_SUB, GLOBAL_SET, ...index],
    ...[GLOBAL_GET, ...index, I64_CONST, 0, I64_LT_S, IF, VOID, UNREACHABLE, END],
  ]);
}

function addSteps(
  code: Uint8Array | null,
  step: Uint8Array,
): { readonly content: Uint8Array; readonly nStep: number } {
  const parts: Uint8Array[] = [];
  let nStep = 0;
  const reader = new ByteReader(code ?? Uint8Array.of(0));
  const nFunction = reader.number();
  parts.push(Uint8Array.from(lebOf(nFunction)));
  for (let i = 0; i < nFunction; i++) {
    const nBytes = reader.number();
    const start = reader.at;
    reader.skip(nBytes);
    const body = withSteps(reader.slice(start), step);
    const length = body.reduce((sum, part) => sum + part.length, 0);
    parts.push(Uint8Array.from(lebOf(length)), ...body);
    nStep += (body.length - 1) / 2;
  }
  return { content: joinBytes(parts), nStep };
}

/** A function's body in parts, a step between each two: after its locals, and at the beginning of its loops. */
function withSteps(body: Uint8Array, step: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(body);
  for (let n = reader.number(); n > 0; n--) {
    reader.skipNumber();
    // A reference to a type of the module has a number after it.
    if ([0x63, 0x64].includes(reader.byte())) reader.skipNumber();
  }
  const parts = [reader.slice(0), step];
  let start = reader.at;
  while (!reader.isAtEnd) {
    if (readInstruction(reader) !== LOOP) continue;
    parts.push(reader.slice(start), step);
    start = reader.at;
  }
  return [...parts, reader.slice(start)];
}
