/** Times every kernel of both builds, alternating, over matrices in the cache and larger than it. */
import { BLOCK_COLS, matrixBytes, WEIGHT_DTYPES } from '../../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { kvGeometry, PAGE_TOKENS, pagesFor } from '../../../engine/cache/geometry.ts';
import {
  createMemory,
  instantiateKernels,
  KERNEL_STATIC_BYTES,
} from '../../../engine/kernels/wasm/module.ts';
import type { KernelBuild, KernelExports } from '../../../engine/kernels/wasm/module.ts';
import { Ops, panelBytes } from '../../../engine/ops/ops.ts';
import { weightRef } from '../../../engine/ops/weights.ts';
import { loadKernelModules } from '../../node-host/kernels.ts';
import { spread } from '../report/statistics.ts';

const N_COL = 576;
const N_TOK = 48;
/** Rows of a matrix that fits the second-level cache, and of one that streams from memory. */
const SIZES = { cached: 512, streamed: 98_304 } as const;
const N_CTX = 512;
const HEADS = { nHead: 9, nKvHead: 3, headDim: 64 } as const;
/** Queries, keys and width of each of eight heads of dense attention. */
const DENSE = [
  [16, 16, 32],
  [128, 128, 32],
  [500, 500, 64],
  [1500, 1500, 64],
] as const;
const DENSE_HEADS = 8;
/** Rows of a query and of a passage, and their width. */
const MAX_SIM = [
  [16, 128, 64],
  [32, 256, 128],
] as const;
const ROUNDS = 9;
/** Calls are repeated until they take about this long. */
const TARGET_MS = 20;

export interface KernelRow {
  readonly kernel: string;
  readonly size: string;
  /** Bytes of weights or cache read a call; null where calls are bound by arithmetic on activations. */
  readonly bytes: number | null;
  readonly microseconds: Readonly<Record<KernelBuild, number>>;
  readonly gigabytesPerSecond: Readonly<Record<KernelBuild, number>> | null;
}

interface Case {
  readonly kernel: string;
  readonly size: string;
  readonly bytes: number | null;
  readonly run: (bench: Bench) => void;
}

/** One build's kernels over a memory with room for the largest case. */
interface Bench {
  readonly kernels: KernelExports;
  readonly ops: Ops;
  readonly weights: number;
  readonly x: number;
  readonly panels: number;
  readonly y: number;
  readonly pageTable: number;
}

/** Median time of every kernel on both builds. */
export async function benchKernels(onProgress?: (line: string) => void): Promise<KernelRow[]> {
  const cases = [...productCases(), ...otherCases(), ...denseCases(), ...maxSimCases()];
  const benches = { relaxed: await openBench('relaxed'), simd: await openBench('simd') };
  return cases.map((row) => {
    onProgress?.(`${row.kernel} ${row.size}`);
    const times = { relaxed: [] as number[], simd: [] as number[] };
    const repeats = {
      relaxed: calibrate(row, benches.relaxed),
      simd: calibrate(row, benches.simd),
    };
    for (let round = 0; round < ROUNDS; round++) {
      for (const build of ['relaxed', 'simd'] as const) {
        times[build].push(timeCalls(row, benches[build], repeats[build]));
      }
    }
    const microseconds = { relaxed: spread(times.relaxed).median, simd: spread(times.simd).median };
    const { bytes } = row;
    const rate = (build: KernelBuild) => (bytes ?? 0) / microseconds[build] / 1000;
    return {
      kernel: row.kernel,
      size: row.size,
      bytes,
      microseconds,
      gigabytesPerSecond: bytes === null ? null : { relaxed: rate('relaxed'), simd: rate('simd') },
    };
  });
}

function productCases(): Case[] {
  const dtypes = Object.keys(WEIGHT_DTYPES) as WeightDtype[];
  return dtypes.flatMap((dtype) =>
    (Object.keys(SIZES) as (keyof typeof SIZES)[]).flatMap((size) =>
      [1, N_TOK]
        // Many tokens read each weight from the cache: one size says it all.
        .filter((nTok) => nTok === 1 || size === 'cached')
        .map((nTok): Case => {
          // Float matrices are four and more times larger: the same bytes, fewer rows.
          const nRow = WEIGHT_DTYPES[dtype].kind === 'float' ? SIZES[size] / 8 : SIZES[size];
          return {
            kernel: `matmul ${dtype}, ${nTok} token${nTok === 1 ? '' : 's'}`,
            size: `${nRow}x${N_COL} (${size})`,
            bytes: matrixBytes(dtype, nRow, N_COL),
            run: ({ ops, weights, x, panels, y }) =>
              ops.matmul(
                weightRef(dtype, nRow, N_COL, weights),
                { address: x, stride: N_COL, panels },
                nTok,
                y,
                nTok === 1 ? 0 : nRow,
              ),
          };
        }),
    ),
  );
}

function otherCases(): Case[] {
  const { nHead, nKvHead, headDim } = HEADS;
  const kv = (dtype: 'q8' | 'f16') => kvGeometry(dtype, { nLayer: 1, nKvHead, headDim });
  const attend = (dtype: 'q8' | 'f16'): Case => {
    const { dimPad, sectionBytes, pageBytes } = kv(dtype);
    return {
      kernel: `attention ${dtype}, ${nHead} heads of ${headDim}`,
      size: `${N_CTX} positions`,
      bytes: (N_CTX / PAGE_TOKENS) * pageBytes,
      run: ({ kernels, x, y, panels, pageTable }) => {
        const run = dtype === 'q8' ? kernels.attendQ8 : kernels.attendF16;
        run(
          x,
          y,
          panels,
          nHead,
          nKvHead,
          headDim,
          dimPad,
          pageTable,
          0,
          sectionBytes,
          N_CTX,
          0.125,
          0,
          0,
        );
      },
    };
  };
  const write = (dtype: 'q8' | 'f16'): Case => {
    const { dimPad, sectionBytes } = kv(dtype);
    return {
      kernel: `cache write ${dtype}`,
      size: `${nKvHead} heads of ${headDim}`,
      bytes: null,
      run: ({ kernels, x, weights }) => {
        const run = dtype === 'q8' ? kernels.kvWriteQ8 : kernels.kvWriteF16;
        run(x, x, weights, 0, nKvHead, headDim, dimPad, sectionBytes);
      },
    };
  };
  const simple = (kernel: string, size: string, run: Case['run']): Case => ({
    kernel,
    size,
    bytes: null,
    run,
  });
  const nBlock = N_COL / BLOCK_COLS;
  return [
    attend('q8'),
    attend('f16'),
    write('q8'),
    write('f16'),
    simple('quantize, 1 token', `${N_COL}`, ({ kernels, x, panels }) =>
      kernels.quantizeRows(x, N_COL, 1, nBlock, panels),
    ),
    simple('rmsNorm', `${N_COL}`, ({ kernels, x, y }) =>
      kernels.rmsNormRows(x, x, y, N_COL, 1, N_COL, 1e-5),
    ),
    simple('rope', `${nHead} heads of ${headDim}`, ({ kernels, x, y }) =>
      kernels.ropeAdjacent(y, x, nHead, headDim, headDim, 1, N_COL),
    ),
    simple('siluMul', '1536', ({ kernels, x, y }) => kernels.siluMul(x, x, y, 1536)),
    simple('layerNorm', `${N_COL}`, ({ kernels, x, y }) =>
      kernels.layerNormRows(x, x, x, y, N_COL, 1, N_COL, 1e-5),
    ),
    simple('geluMul', '1536', ({ kernels, x, y }) => kernels.geluMul(x, x, y, 1536)),
    simple('gelu, exact', '1536', ({ kernels, x, y }) => kernels.geluErfRow(x, y, 1536)),
    simple('gelu', '1536', ({ kernels, x, y }) => kernels.geluRow(x, y, 1536)),
    simple('silu', '1536', ({ kernels, x, y }) => kernels.siluRow(x, y, 1536)),
    simple('addScaled', `${N_COL}`, ({ kernels, x, y }) => kernels.addScaled(y, x, 0, N_COL)),
    simple('scale', `${N_COL}`, ({ kernels, y }) => kernels.scaleRow(y, 1, N_COL)),
    simple('softcap', '49152', ({ kernels, weights }) => kernels.softcapRow(weights, 30, 49152)),
    simple('addBias', `${N_COL}`, ({ kernels, x, y }) => kernels.addBias(y, x, N_COL, 1, N_COL)),
    simple('argmax', '49152', ({ kernels, weights }) => kernels.argmax(weights, 49152)),
    simple('sumExp', '49152', ({ kernels, weights }) => kernels.sumExp(weights, 49152, 1)),
    simple('embedding row q6', `${N_COL}`, ({ ops, weights, y }) =>
      ops.row(weightRef('q6', 512, N_COL, weights), 7, y),
    ),
  ];
}

/** Queries, keys, values and results are stored one after the other, in place of the weights. */
function denseCases(): Case[] {
  return DENSE.map(([nQuery, nKey, headDim]) => ({
    kernel: `dense attention, ${DENSE_HEADS} heads of ${headDim}`,
    size: `${nQuery}x${nKey}`,
    bytes: null,
    run: ({ kernels, weights }) => {
      const stride = DENSE_HEADS * headDim;
      const [q, kv] = [nQuery * stride * 4, nKey * stride * 4];
      const [k, v, out, scratch] = [q, q + kv, q + 2 * kv, 2 * q + 2 * kv].map(
        (at) => weights + at,
      );
      kernels.attendDense(
        weights,
        stride,
        k!,
        v!,
        stride,
        out!,
        stride,
        scratch!,
        nQuery,
        nKey,
        DENSE_HEADS,
        headDim,
        headDim ** -0.5,
      );
    },
  }));
}

function maxSimCases(): Case[] {
  return MAX_SIM.map(([nA, nB, width]) => ({
    kernel: `largest products of rows, ${width} wide`,
    size: `${nA}x${nB}`,
    bytes: null,
    run: ({ kernels, weights, x, y }) => kernels.maxSim(x, nA, weights, nB, width, width, y),
  }));
}

async function openBench(build: KernelBuild): Promise<Bench> {
  const weightBytes = matrixBytes('q8', SIZES.streamed, N_COL);
  const sizes = [weightBytes, 64 * 1024 * 4, panelBytes(N_TOK, N_COL), N_TOK * 512 * 1024, 4096];
  const addresses: number[] = [];
  let end = KERNEL_STATIC_BYTES;
  for (const bytes of sizes) {
    addresses.push(end);
    end += Math.ceil(bytes / 4096) * 4096;
  }
  const memory = createMemory(end);
  const { exports } = await instantiateKernels(await loadKernelModules(), memory, build);
  const [weights, x, panels, y, pageTable] = addresses as [number, number, number, number, number];
  // 0x2c2c is an ordinary half and part of an ordinary f32: no subnormal numbers, no infinities.
  new Uint8Array(memory.buffer, weights, weightBytes).fill(0x2c);
  new Float32Array(memory.buffer, x, 64 * 1024).fill(0.5);
  exports.quantizeRows(x, N_COL, N_TOK, N_COL / BLOCK_COLS, panels);
  const { pageBytes } = kvGeometry('f16', { nLayer: 1, ...HEADS });
  new Uint32Array(memory.buffer, pageTable, pagesFor(N_CTX)).set(
    Array.from({ length: pagesFor(N_CTX) }, (_, i) => weights + i * pageBytes),
  );
  return { kernels: exports, ops: new Ops(exports), weights, x, panels, y, pageTable };
}

function timeCalls({ run }: Case, bench: Bench, calls: number): number {
  const startedAt = performance.now();
  for (let i = 0; i < calls; i++) run(bench);
  return ((performance.now() - startedAt) * 1000) / calls;
}

/** Warms a kernel up and finds how many calls take TARGET_MS. */
function calibrate(row: Case, bench: Bench): number {
  const warm = timeCalls(row, bench, 3);
  const calls = Math.max(1, Math.ceil((TARGET_MS * 1000) / warm));
  return Math.max(1, Math.ceil((TARGET_MS * 1000) / timeCalls(row, bench, calls)));
}
