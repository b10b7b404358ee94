/**
 * How fast this core reads memory in a plain WebAssembly loop: the upper bound for decoding.
 * One stream of addresses leaves part of the memory's speed unused on most machines, so the loop is
 * written for several numbers of streams and the fastest counts.
 */
import asc from 'assemblyscript/asc';
import { spread } from '../report/statistics.ts';

/** Larger than any cache that belongs to one core. */
const READ_BYTES = 96 * 1024 * 1024;
const STREAM_COUNTS = [1, 2, 4, 8];
const UNROLL = 4;
const WARM_ROUNDS = 3;
const ROUNDS = 5;

type Read = (from: number, bytes: number) => number;

/** A function that measures and returns the fastest loop's median rate, in GB/s. */
export async function openReadLoop(): Promise<() => number> {
  const memory = new WebAssembly.Memory({ initial: READ_BYTES / 65_536 + 1 });
  // Pages that were never written are all the same one.
  new Uint8Array(memory.buffer).fill(1);
  const { exports } = await WebAssembly.instantiate(await compileLoops(), { env: { memory } });
  const loops = STREAM_COUNTS.map((n) => exports[`read${n}`] as unknown as Read);
  for (let round = 0; round < WARM_ROUNDS; round++) for (const loop of loops) timeRead(loop);
  const rate = (loop: Read) => spread(Array.from({ length: ROUNDS }, () => timeRead(loop))).median;
  return () => Math.max(...loops.map(rate));
}

function timeRead(read: Read): number {
  const startedAt = performance.now();
  read(65_536, READ_BYTES);
  return READ_BYTES / (performance.now() - startedAt) / 1e6;
}

async function compileLoops(): Promise<WebAssembly.Module> {
  const { error, binary, stderr } = await asc.compileString(
    STREAM_COUNTS.map(loopSource).join('\n'),
    {
      optimizeLevel: 2,
      noAssert: true,
      runtime: 'stub',
      importMemory: true,
      initialMemory: 1,
      enable: ['simd'],
    },
  );
  if (error !== null || binary === null)
    throw new Error(
      `bench: the read loop did not compile: ${(stderr as { toString(): string }).toString()}`,
      { cause: error },
    );
  // Workers may not compile, so the Workers types, which take precedence over Node's, have no such constructor.
  const Compiled = WebAssembly.Module as unknown as new (bytes: Uint8Array) => WebAssembly.Module;
  return new Compiled(binary);
}

/** `nStream` ranges read side by side, every 16 bytes combined into one value so that all count. */
function loopSource(nStream: number): string {
  const names = Array.from({ length: nStream }, (_, i) => i);
  const loads = Array.from({ length: UNROLL }, (_, u) =>
    names.map((i) => `s${i} = v128.or(s${i}, v128.load(p + ${i} * part, ${u * 16}));`).join(' '),
  );
  return `export function read${nStream}(from: usize, bytes: usize): i32 {
    const part = bytes / ${nStream};
    ${names.map((i) => `let s${i} = i64x2.splat(0);`).join(' ')}
    for (let p = from, end = from + part; p < end; p += ${UNROLL * 16}) { ${loads.join('\n')} }
    let all = s0; ${names
      .slice(1)
      .map((i) => `all = v128.or(all, s${i});`)
      .join(' ')}
    return i32x4.extract_lane(all, 0);
  }`;
}
