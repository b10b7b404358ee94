/**
 * Our engine in Node with a clock around every kernel: which of them a token's time goes to, and
 * what is left for JavaScript. What the clocks themselves take is measured and subtracted.
 */
import type { KernelExports } from '../../engine/kernels/wasm/module.ts';
import { loadLocalModel } from '../lib/local-engine.ts';
import { benchRequest, timeGeneration } from './engine-answers.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

export interface KernelShare {
  readonly kernel: string;
  readonly callsPerToken: number;
  readonly microsecondsPerToken: number;
  readonly share: number;
}
export interface Profile {
  readonly microsecondsPerToken: number;
  readonly outsideShare: number;
  /** Largest first. */
  readonly kernels: readonly KernelShare[];
  /** What was subtracted. */
  readonly clockMicrosecondsPerToken: number;
}

type Kernel = (...args: number[]) => number | undefined;
/** Milliseconds and calls since the last reset. */
interface Total {
  ms: number;
  calls: number;
}

export async function startPeer({ modelId, nVocab }: PeerConfig): Promise<Peer> {
  const totals = new Map<string, Total>();
  const { engine } = await loadLocalModel(modelId, {
    wrapKernels: (kernels) => timeKernels(kernels, totals),
  });
  const warm = benchRequest(benchTokens(16, 0, nVocab), 32);
  await timeGeneration(engine, warm);
  return {
    answers: {
      async profile({ nPrompt, nTokens }, salt) {
        const request = benchRequest(benchTokens(nPrompt, salt, nVocab), nTokens + 1);
        let startedAt = 0;
        for await (const event of engine.generate(request, new AbortController().signal)) {
          if (event.type !== 'token' || startedAt !== 0) continue;
          // The prompt is done: from here on it is tokens.
          for (const total of totals.values()) Object.assign(total, { ms: 0, calls: 0 });
          startedAt = performance.now();
        }
        const detail = makeProfile(totals, performance.now() - startedAt, nTokens, clockCost());
        return { value: detail.outsideShare, detail };
      },
    },
    close: () => Promise.resolve(engine.close()),
  };
}

function timeKernels(kernels: KernelExports, totals: Map<string, Total>): KernelExports {
  const timed = Object.entries(kernels as unknown as Record<string, unknown>).map(
    ([name, member]) => {
      if (typeof member !== 'function') return [name, member] as const;
      const total: Total = { ms: 0, calls: 0 };
      totals.set(name, total);
      return [name, timeCalls(member as Kernel, total)] as const;
    },
  );
  return Object.fromEntries(timed) as unknown as KernelExports;
}

function timeCalls(run: Kernel, total: Total): Kernel {
  return (...args) => {
    const startedAt = performance.now();
    const result = run(...args);
    total.ms += performance.now() - startedAt;
    total.calls++;
    return result;
  };
}

/** Milliseconds one clocked call adds: `inside` to its own time, `all` to the time around it. */
export interface ClockCost {
  readonly inside: number;
  readonly all: number;
}

const COST_CALLS = 50_000;
/** As many arguments as the longest of the kernels that are called most. */
const COST_ARGS = [1, 2, 3, 4, 5, 6, 7, 8] as const;

function clockCost(): ClockCost {
  const nothing: Kernel = () => 0;
  const measure = () => {
    const total: Total = { ms: 0, calls: 0 };
    const timed = timeCalls(nothing, total);
    const startedAt = performance.now();
    for (let i = 0; i < COST_CALLS; i++) timed(...COST_ARGS);
    const all = performance.now() - startedAt;
    return { inside: total.ms / COST_CALLS, all: all / COST_CALLS };
  };
  measure();
  return measure();
}

/** Shares of `wallMs`, in which `nTokens` tokens were made, with the clocks' own cost taken out. */
export function makeProfile(
  totals: ReadonlyMap<string, Total>,
  wallMs: number,
  nTokens: number,
  cost: ClockCost,
): Profile {
  const calls = [...totals.values()].reduce((sum, total) => sum + total.calls, 0);
  const clockMs = calls * cost.all;
  const tokenMs = (wallMs - clockMs) / nTokens;
  const kernels = [...totals]
    .filter(([, total]) => total.calls > 0)
    .map(([kernel, total]): KernelShare => {
      const ms = Math.max(0, total.ms - total.calls * cost.inside) / nTokens;
      return {
        kernel,
        callsPerToken: total.calls / nTokens,
        microsecondsPerToken: ms * 1000,
        share: ms / tokenMs,
      };
    })
    .sort((a, b) => b.share - a.share);
  const inside = kernels.reduce((sum, { share }) => sum + share, 0);
  return {
    microsecondsPerToken: tokenMs * 1000,
    outsideShare: Math.max(0, 1 - inside),
    kernels,
    clockMicrosecondsPerToken: (clockMs * 1000) / nTokens,
  };
}
