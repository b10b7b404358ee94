/**
 * SVOX Pico (Apache-2.0), a speech synthesizer with hidden Markov models, as WebAssembly: its C interface
 * (picoapi.h), and the few system calls it makes. Its files are opened from memory.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { Fuel } from '../platform/fuel.ts';
import type { FueledExports } from '../platform/fuel.ts';

/** Sample rate of every Pico voice, in Hz. */
export const PICO_SAMPLE_RATE = 16_000;
/** Range that Pico's markup accepts, in percent. */
const SPEED_PERCENT = [20, 500] as const;
/** At Pico's own volume (100) sentences clip. */
const VOLUME_PERCENT = 60;

/** Bytes of a voice's two files. */
export interface PicoFiles {
  readonly textAnalysis: Uint8Array;
  readonly signal: Uint8Array;
}

/** Size of Pico's own heap, as in its authors' programs. */
const HEAP_BYTES = 2_500_000;
const NAME_BYTES = 32;
const OUT_BYTES = 4096;
const VOICE_NAME = 'voice';
/** Pico recognises a file by the end of its name. */
const TEXT_PATH = 'voice_ta.bin';
const SIGNAL_PATH = 'voice_sg.bin';
/** Longest piece of text with its markup, in UTF-8. */
const MAX_TEXT_BYTES = 4096;
/** Longest speech of one piece of text; beyond it Pico has gone wrong. */
const MAX_PIECE_SECONDS = 300;
/** Measured: opening the two files takes 35,000. */
const LOAD_STEPS = 10_000_000;
/** Measured: the longest pieces took 50 million, and 103 million at a fifth of the speed: five seconds. */
const PIECE_STEPS = 1_000_000_000;

const STATUS_OK = 0;
const STEP_IDLE = 200;
const STEP_BUSY = 201;

type Call = (...args: number[]) => number;
interface PicoExports extends FueledExports {
  readonly memory: WebAssembly.Memory;
  readonly __wasm_call_ctors: () => void;
  readonly emscripten_stack_init: () => void;
  readonly malloc: Call;
  readonly pico_initialize: Call;
  readonly pico_loadResource: Call;
  readonly pico_getResourceName: Call;
  readonly pico_createVoiceDefinition: Call;
  readonly pico_addResourceToVoiceDefinition: Call;
  readonly pico_newEngine: Call;
  readonly pico_putTextUtf8: Call;
  readonly pico_getData: Call;
}

/** One voice in a memory of its own. It must not be used again after an error. */
export class PicoVoice {
  readonly #pico: PicoExports;
  readonly #fuel: Fuel;
  readonly #system: number;
  readonly #engine: number;
  /** Scratch addresses in the module's memory: two results, text, samples. */
  readonly #result: number;
  readonly #text: number;
  readonly #out: number;
  /** Copy of the memory before the first sentence: Pico's noise would go on from one to the next. */
  readonly #fresh: Uint8Array;

  /** @throws {EngineError} E_FORMAT_INVALID for files that Pico does not accept. */
  static async load(module: WebAssembly.Module, files: PicoFiles): Promise<PicoVoice> {
    const disk = new MemoryFiles({ [TEXT_PATH]: files.textAnalysis, [SIGNAL_PATH]: files.signal });
    // From a module, not from bytes, the result is the instance itself.
    const instance = await WebAssembly.instantiate(module, disk.imports());
    const pico = instance.exports as unknown as PicoExports;
    disk.memory = pico.memory;
    const fuel = new Fuel(pico, broken);
    return fuel.run(LOAD_STEPS, () => new PicoVoice(pico, fuel));
  }

  private constructor(pico: PicoExports, fuel: Fuel) {
    this.#pico = pico;
    this.#fuel = fuel;
    pico.emscripten_stack_init();
    pico.__wasm_call_ctors();
    this.#result = pico.malloc(8);
    this.#text = pico.malloc(MAX_TEXT_BYTES);
    this.#out = pico.malloc(OUT_BYTES);
    const heap = pico.malloc(HEAP_BYTES);
    this.#system = this.#made(pico.pico_initialize(heap, HEAP_BYTES, this.#result));
    const voice = this.#copyText(VOICE_NAME, pico.malloc(NAME_BYTES));
    this.#check(pico.pico_createVoiceDefinition(this.#system, voice));
    for (const path of [TEXT_PATH, SIGNAL_PATH]) this.#addResource(path, voice);
    this.#engine = this.#made(pico.pico_newEngine(this.#system, voice, this.#result));
    // All memory in use lies below the last allocation.
    this.#fresh = this.#memory().slice(0, pico.malloc(1));
  }

  /** Bytes of WebAssembly memory. */
  get memoryBytes(): number {
    return this.#pico.memory.buffer.byteLength;
  }

  /**
   * Speaks one piece of text at once, about twenty times as fast as it is heard; the same text gives
   * the same samples.
   * @param text words and punctuation, without `<`
   * @param speed 2 is about twice as fast (measured: 0.26 for 0.25, 1.9 for 2, 3.2 for 4)
   * @returns mono samples at PICO_SAMPLE_RATE
   * @throws {EngineError} E_FORMAT_INVALID when the voice goes wrong
   */
  speak(text: string, speed: number): Float32Array {
    const marked = `<volume level="${VOLUME_PERCENT}"><speed level="${speedPercent(speed)}">${text}</speed></volume>`;
    // A zero byte marks the end of the text.
    const bytes = new TextEncoder().encode(`${marked}\0`);
    if (bytes.length > MAX_TEXT_BYTES) throw broken(`a piece of ${bytes.length} bytes`);
    return this.#fuel.run(PIECE_STEPS, () => this.#speak(bytes));
  }

  #speak(bytes: Uint8Array): Float32Array {
    this.#memory().set(this.#fresh);
    this.#memory().set(bytes, this.#text);
    const chunks: Int16Array[] = [];
    let nSample = 0;
    for (let at = 0, status = STEP_BUSY; at < bytes.length || status === STEP_BUSY;) {
      if (at < bytes.length) at += this.#put(at, bytes.length - at);
      const step = this.#step();
      status = step.status;
      chunks.push(step.samples);
      nSample += step.samples.length;
      if (nSample > MAX_PIECE_SECONDS * PICO_SAMPLE_RATE) throw broken('it does not end');
    }
    return toFloats(chunks, nSample);
  }

  /** @returns bytes that Pico has accepted. */
  #put(at: number, length: number): number {
    this.#check(this.#pico.pico_putTextUtf8(this.#engine, this.#text + at, length, this.#result));
    return this.#view().getInt16(this.#result, true);
  }

  #step(): { status: number; samples: Int16Array } {
    const { pico_getData: getData } = this.#pico;
    const type = this.#result + 4;
    const status = getData(this.#engine, this.#out, OUT_BYTES, this.#result, type);
    if (status !== STEP_BUSY && status !== STEP_IDLE) throw broken(`status ${status}`);
    const nByte = this.#view().getInt16(this.#result, true);
    const bytes = this.#memory().slice(this.#out, this.#out + nByte);
    return { status, samples: new Int16Array(bytes.buffer, 0, nByte >> 1) };
  }

  #addResource(path: string, voice: number): void {
    const pico = this.#pico;
    const name = pico.malloc(NAME_BYTES);
    const resource = this.#made(
      pico.pico_loadResource(this.#system, this.#copyText(path, name), this.#result),
    );
    this.#check(pico.pico_getResourceName(this.#system, resource, name));
    this.#check(pico.pico_addResourceToVoiceDefinition(this.#system, voice, name));
  }

  /** The pointer that a call left at `#result`. */
  #made(status: number): number {
    this.#check(status);
    return this.#view().getUint32(this.#result, true);
  }

  #check(status: number): void {
    if (status !== STATUS_OK) throw broken(`status ${status}`);
  }

  #copyText(text: string, at: number): number {
    this.#memory().set(new TextEncoder().encode(`${text}\0`), at);
    return at;
  }

  #memory(): Uint8Array {
    return new Uint8Array(this.#pico.memory.buffer);
  }

  #view(): DataView {
    return new DataView(this.#pico.memory.buffer);
  }
}

/** Clamped to the range that Pico accepts. */
function speedPercent(speed: number): number {
  const [least, most] = SPEED_PERCENT;
  return Math.min(most, Math.max(least, Math.round(speed * 100)));
}

function toFloats(chunks: readonly Int16Array[], nSample: number): Float32Array {
  const out = new Float32Array(nSample);
  let at = 0;
  for (const chunk of chunks) for (const sample of chunk) out[at++] = sample / 32_768;
  return out;
}

function broken(what: string): EngineError {
  return new EngineError(
    'E_FORMAT_INVALID',
    `pico: ${what}; expected a working voice. Import and push the voice again.`,
  );
}

const FIRST_FD = 3;
/** Error numbers of WASI and of Linux; the latter are returned negative. */
const BAD_FILE = 8;
const NO_FILE = -44;
const NO_TERMINAL = -59;
const SEEK_ORIGINS = ['start', 'position', 'end'] as const;

interface OpenFile {
  readonly bytes: Uint8Array;
  position: number;
}

/** Files in memory for a module made by Emscripten: they can be read; writes are dropped. */
class MemoryFiles {
  memory: WebAssembly.Memory | null = null;
  readonly #files: Readonly<Record<string, Uint8Array>>;
  readonly #open: (OpenFile | null)[] = [];

  constructor(files: Readonly<Record<string, Uint8Array>>) {
    this.#files = files;
  }

  imports(): Record<string, Record<string, Call>> {
    return {
      env: {
        _emscripten_memcpy_js: (to, from, length) => {
          this.#bytes().copyWithin(to, from, from + length);
          return 0;
        },
        __syscall_openat: (_folder, path) => this.#openFile(this.#readText(path)),
        __syscall_fcntl64: () => 0,
        __syscall_ioctl: () => NO_TERMINAL,
        emscripten_resize_heap: () => 0,
      },
      wasi_snapshot_preview1: {
        fd_read: (fd, list, n, done) => this.#read(this.#file(fd), list, n, done),
        fd_write: (_fd, list, n, done) => this.#discard(list, n, done),
        fd_seek: (fd, low, _high, origin, result) =>
          this.#seek(this.#file(fd), low, origin, result),
        fd_close: (fd) => {
          this.#open[fd - FIRST_FD] = null;
          return 0;
        },
      },
    };
  }

  #openFile(path: string): number {
    const bytes = this.#files[path];
    if (bytes === undefined) return NO_FILE;
    return FIRST_FD - 1 + this.#open.push({ bytes, position: 0 });
  }

  #file(fd: number): OpenFile | null {
    return this.#open[fd - FIRST_FD] ?? null;
  }

  #read(file: OpenFile | null, list: number, n: number, done: number): number {
    if (file === null) return BAD_FILE;
    let nRead = 0;
    for (const { at, length } of this.#buffers(list, n)) {
      const part = file.bytes.subarray(file.position, file.position + length);
      this.#bytes().set(part, at);
      file.position += part.length;
      nRead += part.length;
    }
    this.#view().setUint32(done, nRead, true);
    return 0;
  }

  #discard(list: number, n: number, done: number): number {
    const nByte = this.#buffers(list, n).reduce((sum, { length }) => sum + length, 0);
    this.#view().setUint32(done, nByte, true);
    return 0;
  }

  #seek(file: OpenFile | null, offset: number, origin: number, result: number): number {
    if (file === null) return BAD_FILE;
    const from = { start: 0, position: file.position, end: file.bytes.length };
    file.position = Math.max(0, from[SEEK_ORIGINS[origin] ?? 'start'] + offset);
    this.#view().setBigInt64(result, BigInt(file.position), true);
    return 0;
  }

  #buffers(list: number, n: number): { at: number; length: number }[] {
    const view = this.#view();
    return Array.from({ length: n }, (_, i) => ({
      at: view.getUint32(list + 8 * i, true),
      length: view.getUint32(list + 8 * i + 4, true),
    }));
  }

  #readText(at: number): string {
    const bytes = this.#bytes();
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.memory!.buffer);
  }

  #view(): DataView {
    return new DataView(this.memory!.buffer);
  }
}
