/**
 * Reads the tensors of a PyTorch file in its older layout (torch.save before 1.6): five pickles, of which the fourth
 * is the dictionary of tensors and the fifth lists the storages, whose values follow in that order. A pickle is a
 * program: only the instructions that a dictionary of tensors needs are known here, and nothing is ever called.
 * Source: docs.python.org/3/library/pickletools.html, torch/serialization.py (_legacy_load).
 */
import { EngineError } from '../base/errors.ts';
import { ByteCursor, invalidFile, memorySource, readRange } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { sourceBytes } from './source-dtypes.ts';
import type { SourceDtype } from './source-dtypes.ts';
import {
  checkTensorPlaces,
  MAX_TENSOR_NAME_BYTES,
  MAX_TENSORS,
  tensorBytes,
} from './source-tensor.ts';
import type { SourceTensor } from './source-tensor.ts';

/** The first pickle of a file in this layout. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const MAX_PICKLE_BYTES = 16 * 1024 * 1024;
const MAX_STEPS = 4_000_000;
const MAX_STACK = 1_000_000;
const MAX_TEXT_BYTES = 4096;

/** A class or function that a pickle names; it is only compared, never called. */
class GlobalName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
class Storage {
  readonly type: string;
  readonly key: string;
  readonly elements: number;
  constructor(type: string, key: string, elements: number) {
    this.type = type;
    this.key = key;
    this.elements = elements;
  }
}
class PickledTensor {
  readonly storage: Storage;
  readonly start: number;
  readonly dims: readonly number[];
  /** Values between neighbours, by dimension. */
  readonly strides: readonly number[];
  constructor(
    storage: Storage,
    start: number,
    [dims, strides]: readonly [readonly number[], readonly number[]],
  ) {
    this.storage = storage;
    this.start = start;
    this.dims = dims;
    this.strides = strides;
  }
}
const MARK = Symbol('mark');

type Value =
  | (null | boolean | number | bigint | string | typeof MARK)
  | (GlobalName | Storage | PickledTensor)
  | (Value[] | Map<Value, Value>);

/** Element types of storages; those of null are no weights (counters of batches) and are left out. */
const STORAGES: Readonly<
  Record<string, { readonly dtype: SourceDtype | null; readonly bytes: number }>
> = {
  FloatStorage: { dtype: 'F32', bytes: 4 },
  HalfStorage: { dtype: 'F16', bytes: 2 },
  BFloat16Storage: { dtype: 'BF16', bytes: 2 },
  DoubleStorage: { dtype: null, bytes: 8 },
  LongStorage: { dtype: null, bytes: 8 },
  IntStorage: { dtype: null, bytes: 4 },
  ShortStorage: { dtype: null, bytes: 2 },
  CharStorage: { dtype: null, bytes: 1 },
  ByteStorage: { dtype: null, bytes: 1 },
  BoolStorage: { dtype: null, bytes: 1 },
};

/** Whether a file begins like one in this layout. @param head at least its first 14 bytes */
export function startsLikePytorch(head: Uint8Array): boolean {
  const start = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  return start.every((byte, i) => head[i] === byte);
}

/**
 * The tensors of floats, in the dictionary's order.
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_INVALID, E_DTYPE_UNSUPPORTED
 */
export async function readPytorch(source: ByteSource): Promise<SourceTensor[]> {
  const cursor = new ByteCursor(source);
  const magic = await readPickle(cursor, 'the magic number');
  if (magic !== MAGIC) throw notPytorch(source);
  const version = await readPickle(cursor, 'the version');
  if (version !== PROTOCOL_VERSION)
    throw invalidFile(source.name, 'unknown version', String(PROTOCOL_VERSION), {
      version: typeof version === 'number' ? version : typeof version,
    });
  const system = await readPickle(cursor, "the writer's system");
  if (system instanceof Map && system.get('little_endian') === false)
    throw invalidFile(source.name, 'is big-endian', 'a little-endian file');
  const entries = dictionaryOf(source, await readPickle(cursor, 'the dictionary'));
  const keys = await readPickle(cursor, 'the list of storages');
  const places = await placeStorages(cursor, keys, storagesOf(entries));
  const tensors: SourceTensor[] = [];
  for (const [name, tensor] of entries)
    tensors.push(...(await placeTensor(source, name, tensor, places)));
  checkTensorPlaces(tensors);
  return tensors;
}

function notPytorch(source: ByteSource): EngineError {
  return new EngineError(
    'E_FORMAT_MAGIC',
    `${source.name}: not a PyTorch file of the older layout; expected its magic number. ` +
      'Save the weights as safetensors, and import those.',
  );
}

type Entry = readonly [name: string, tensor: PickledTensor];

function dictionaryOf(source: ByteSource, value: Value): Entry[] {
  if (!(value instanceof Map))
    throw invalidFile(source.name, 'holds no dictionary', 'a dictionary of tensors (state_dict)');
  if (value.size > MAX_TENSORS)
    throw invalidFile(source.name, 'too many tensors', `at most ${MAX_TENSORS}`, {
      tensors: value.size,
    });
  return [...value].map(([name, tensor]): Entry => {
    if (typeof name !== 'string' || name === '' || name.length > MAX_TENSOR_NAME_BYTES)
      throw invalidFile(source.name, 'impossible name of a tensor', 'a short text');
    if (tensor instanceof PickledTensor) return [name, tensor];
    throw invalidFile(source.name, `${name} is no tensor`, 'a dictionary of tensors alone');
  });
}

function storagesOf(entries: readonly Entry[]): ReadonlyMap<string, Storage> {
  return new Map(entries.map(([, { storage }]) => [storage.key, storage]));
}

/** Offset of the first value of each storage; its length lies before its values. */
async function placeStorages(
  cursor: ByteCursor,
  keys: Value,
  storages: ReadonlyMap<string, Storage>,
): Promise<ReadonlyMap<string, number>> {
  const { source } = cursor;
  const isList = Array.isArray(keys) && keys.every((key) => typeof key === 'string');
  if (!isList || keys.length > MAX_TENSORS)
    throw invalidFile(source.name, 'broken list of storages', 'a list of names');
  const places = new Map<string, number>();
  for (const key of keys) {
    const storage = storages.get(key);
    if (storage === undefined)
      throw invalidFile(source.name, 'a storage that no tensor uses', 'those of the dictionary');
    await cursor.need(8, `the length of storage ${key}`);
    const elements = cursor.i64();
    if (elements !== BigInt(storage.elements))
      throw invalidFile(source.name, `storage ${key} lies`, `${storage.elements} values`, {
        elements,
      });
    places.set(key, cursor.offset);
    const bytes = storage.elements * STORAGES[storage.type]!.bytes;
    if (bytes > cursor.left)
      throw invalidFile(source.name, `storage ${key} leaves the file`, `${bytes} bytes`, {
        left: cursor.left,
      });
    cursor.seek(cursor.offset + bytes);
  }
  return places;
}

async function placeTensor(
  source: ByteSource,
  name: string,
  { storage, start, ...tensor }: PickledTensor,
  places: ReadonlyMap<string, number>,
): Promise<SourceTensor[]> {
  const { dtype } = STORAGES[storage.type]!;
  if (dtype === null) return [];
  const place = places.get(storage.key);
  if (place === undefined)
    throw invalidFile(source.name, `${name} has no values`, 'its storage in the list');
  const [dims, strides] = tensor.dims.length === 0 ? [[1], [1]] : [tensor.dims, tensor.strides];
  const bytes = tensorBytes(`${source.name}: tensor ${name}`, dtype, dims);
  const whole = sourceBytes(dtype, storage.elements);
  const skipped = sourceBytes(dtype, start);
  if (skipped + bytes > whole)
    throw invalidFile(source.name, `${name} leaves its storage`, `at most ${whole} bytes`, {
      end: skipped + bytes,
    });
  const offset = place + skipped;
  if (isContiguous(dims, strides)) return [{ name, dtype, dims, source, offset, bytes }];
  const last = dims.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
  if (!(last < storage.elements - start))
    throw invalidFile(source.name, `${name} leaves its storage`, 'strides within it', { last });
  const stored = await readRange(source, offset, sourceBytes(dtype, last + 1), name);
  const ordered = reorder(stored, { dims, strides, itemBytes: STORAGES[storage.type]!.bytes });
  return [{ name, dtype, dims, source: memorySource(source.name, ordered), offset: 0, bytes }];
}

function isContiguous(dims: readonly number[], strides: readonly number[]): boolean {
  let dense = 1;
  return [...dims.entries()].toReversed().every(([i, size]) => {
    const isDense = size === 1 || strides[i] === dense;
    dense *= size;
    return isDense;
  });
}

interface Layout {
  readonly dims: readonly number[];
  readonly strides: readonly number[];
  readonly itemBytes: number;
}

/** Values of a transposed tensor in the order of its dimensions. */
function reorder(stored: Uint8Array, { dims, strides, itemBytes }: Layout): Uint8Array {
  const out = new Uint8Array(dims.reduce((n, size) => n * size, itemBytes));
  const index = dims.map(() => 0);
  for (let to = 0; to < out.length; to += itemBytes) {
    const from = itemBytes * index.reduce((sum, at, i) => sum + at * strides[i]!, 0);
    out.set(stored.subarray(from, from + itemBytes), to);
    for (let i = dims.length - 1; i >= 0 && ++index[i]! === dims[i]; i--) index[i] = 0;
  }
  return out;
}

/** Runs one pickle. @throws {EngineError} E_FORMAT_INVALID naming the instruction */
async function readPickle(cursor: ByteCursor, what: string): Promise<Value> {
  const machine = new PickleMachine(cursor, what);
  return await machine.run();
}

type Instruction = (machine: PickleMachine) => Promise<void> | void;

class PickleMachine {
  readonly cursor: ByteCursor;
  readonly #what: string;
  readonly #stack: Value[] = [];
  readonly #memo = new Map<number, Value>();

  constructor(cursor: ByteCursor, what: string) {
    this.cursor = cursor;
    this.#what = what;
  }

  async run(): Promise<Value> {
    const end = this.cursor.offset + MAX_PICKLE_BYTES;
    for (let i = 0; i < MAX_STEPS && this.cursor.offset < end; i++) {
      const code = await this.u8();
      if (code === STOP) return this.pop();
      const instruction = INSTRUCTIONS[code];
      if (instruction === undefined)
        throw this.fail(`instruction 0x${code.toString(16)}`, 'those of a dictionary of tensors');
      const wait = instruction(this);
      if (wait !== undefined) await wait;
    }
    throw this.fail('is too long', `at most ${MAX_STEPS} steps and ${MAX_PICKLE_BYTES} bytes`);
  }

  fail(what: string, expected: string): EngineError {
    return invalidFile(this.cursor.source.name, `${this.#what}: ${what}`, expected);
  }

  push(value: Value): void {
    if (this.#stack.length >= MAX_STACK) throw this.fail('is too deep', `${MAX_STACK} values`);
    this.#stack.push(value);
  }

  pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.fail('ends early', 'a value');
    return value;
  }

  /** The values above the last mark, which goes with them. */
  popToMark(): Value[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.fail('has no mark', 'the beginning of a tuple or list');
    return this.#stack.splice(at).slice(1);
  }

  top(): Value {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.fail('ends early', 'a value');
    return value;
  }

  store(key: number): void {
    this.#memo.set(key, this.top());
  }

  load(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.fail('names a value that is missing', 'one before it');
    this.push(value);
  }

  async u8(): Promise<number> {
    await this.cursor.need(1, this.#what);
    return this.cursor.u8();
  }
  async u16(): Promise<number> {
    await this.cursor.need(2, this.#what);
    return this.cursor.u16();
  }
  async u32(): Promise<number> {
    await this.cursor.need(4, this.#what);
    return this.cursor.u32();
  }
  async i32(): Promise<number> {
    await this.cursor.need(4, this.#what);
    return this.cursor.i32();
  }

  async text(bytes: number): Promise<string> {
    if (bytes > MAX_TEXT_BYTES)
      throw this.fail('has a long text', `at most ${MAX_TEXT_BYTES} bytes`);
    const codes = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) codes[i] = await this.u8();
    return new TextDecoder().decode(codes);
  }

  async line(): Promise<string> {
    const codes: number[] = [];
    for (let code = await this.u8(); code !== 10; code = await this.u8()) {
      if (codes.length >= MAX_TEXT_BYTES) throw this.fail('has a long name', 'a short one');
      codes.push(code);
    }
    return new TextDecoder().decode(Uint8Array.from(codes));
  }

  /** Whole numbers of up to 16 bytes. */
  async long(): Promise<void> {
    const bytes = await this.u8();
    if (bytes > 16) throw this.fail('has a long number', 'at most 16 bytes');
    let value = 0n;
    for (let i = 0; i < bytes; i++) value |= BigInt(await this.u8()) << BigInt(8 * i);
    const signed = BigInt.asIntN(8 * bytes, value);
    this.push(bytes <= 6 ? Number(signed) : signed);
  }

  async global(): Promise<void> {
    const [module, name] = [await this.line(), await this.line()];
    const full = `${module}.${name}`;
    const isStorage = module === 'torch' && Object.hasOwn(STORAGES, name);
    if (!isStorage && !CALLABLE.includes(full))
      throw this.fail(`names ${JSON.stringify(full.slice(0, 80))}`, 'tensors alone');
    this.push(new GlobalName(isStorage ? name : full));
  }

  /** What a function that builds dictionaries or tensors would give. */
  reduce(): void {
    const args = this.pop();
    const called = this.pop();
    if (!(called instanceof GlobalName) || !Array.isArray(args))
      throw this.fail('calls no function', 'a dictionary or a tensor');
    if (called.name === ORDERED_DICT && args.length === 0) this.push(new Map());
    else if (called.name === REBUILD_TENSOR) this.push(this.#tensor(args));
    else if (called.name === REBUILD_PARAMETER) this.push(args[0] ?? null);
    else throw this.fail(`calls ${called.name}`, 'a dictionary or a tensor');
  }

  #tensor([storage, start, dims, strides]: Value[]): PickledTensor {
    if (!(storage instanceof Storage) || !isCount(start))
      throw this.fail('has a broken tensor', 'a storage and a start');
    if (!isCounts(dims) || !isCounts(strides) || dims.length !== strides.length)
      throw this.fail('has a broken tensor', 'sizes and strides');
    return new PickledTensor(storage, start, [dims, strides]);
  }

  /** A storage: ('storage', its type, its key, its device, number of values, a view's place). */
  persistent(): void {
    const id = this.pop();
    if (!Array.isArray(id)) throw this.fail('has a broken storage', 'a tuple');
    const [kind, type, key, , elements, view = null] = id;
    const isWhole = kind === 'storage' && type instanceof GlobalName && view === null;
    if (!isWhole || typeof key !== 'string' || !isCount(elements))
      throw this.fail('has a broken storage', 'a type, a key and a length');
    if (!Object.hasOwn(STORAGES, type.name)) throw this.fail(`stores ${type.name}`, 'a storage');
    this.push(new Storage(type.name, key, elements));
  }

  setItems(items: readonly Value[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw this.fail('fills no dictionary', 'pairs of keys and values');
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  }

  append(items: readonly Value[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw this.fail('fills no list', 'a list');
    for (const item of items) target.push(item);
  }

  tuple(n: number): void {
    const items: Value[] = [];
    for (let i = 0; i < n; i++) items.unshift(this.pop());
    this.push(items);
  }
}

const isCount = (value: Value | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isCounts = (value: Value | undefined): value is number[] =>
  Array.isArray(value) && value.length <= 8 && value.every(isCount);

const ORDERED_DICT = 'collections.OrderedDict';
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const CALLABLE: readonly string[] = [ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER];

const STOP = 0x2e;
/** By opcode. */
const INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  0x80: async (m) => void (await m.u8()),
  0x28: (m) => m.push(MARK),
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  0x4a: async (m) => m.push(await m.i32()),
  0x4b: async (m) => m.push(await m.u8()),
  0x4d: async (m) => m.push(await m.u16()),
  0x8a: (m) => m.long(),
  0x58: async (m) => m.push(await m.text(await m.u32())),
  0x5d: (m) => m.push([]),
  0x7d: (m) => m.push(new Map()),
  0x29: (m) => m.push([]),
  0x74: (m) => m.push(m.popToMark()),
  0x85: (m) => m.tuple(1),
  0x86: (m) => m.tuple(2),
  0x87: (m) => m.tuple(3),
  0x61: (m) => m.append([m.pop()]),
  0x65: (m) => m.append(m.popToMark()),
  0x73(m) {
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  0x75: (m) => m.setItems(m.popToMark()),
  0x71: async (m) => m.store(await m.u8()),
  0x72: async (m) => m.store(await m.u32()),
  0x68: async (m) => m.load(await m.u8()),
  0x6a: async (m) => m.load(await m.u32()),
  0x63: (m) => m.global(),
  0x52: (m) => m.reduce(),
  0x51: (m) => m.persistent(),
  // Attributes of a dictionary, such as the versions of its modules.
  0x62: (m) => void m.pop(),
};
