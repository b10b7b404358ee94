/**
 * Our engine in Node under V8's sampling profiler: which kernel a token's time goes to, and what is
 * left for JavaScript. Samples need no clocks around calls, which would cost more than the calls.
 */
import { Session } from 'node:inspector/promises';
import type { Profiler } from 'node:inspector';
import { createMemory, instantiateKernels } from '../../../engine/kernels/wasm/module.ts';
import type { KernelModules } from '../../../engine/kernels/wasm/module.ts';
import { loadLocalModel } from '../../node-host/engine.ts';
import { loadKernelModules } from '../../node-host/kernels.ts';
import { benchRequest, timeGeneration } from './engine-answers.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

/** A function's own time. */
export interface ProfileRow {
  readonly name: string;
  readonly microsecondsPerToken: number;
  readonly share: number;
}
export interface Profile {
  readonly microsecondsPerToken: number;
  readonly outsideShare: number;
  /** Largest first. */
  readonly kernels: readonly ProfileRow[];
  /** The largest of all others. */
  readonly outside: readonly ProfileRow[];
}

/** Time that one sample stands for. */
export interface ProfileSample {
  readonly name: string;
  readonly isKernel: boolean;
  readonly microseconds: number;
}

const SAMPLE_MICROSECONDS = 100;
const OUTSIDE_ROWS = 12;

export async function startPeer({ modelId, nVocab }: PeerConfig): Promise<Peer> {
  const modules = await loadKernelModules();
  const { engine } = await loadLocalModel(modelId);
  const names = await kernelNames(modules);
  await timeGeneration(engine, benchRequest(benchTokens(16, 0, nVocab), 32));
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS });
  return {
    answers: {
      async profile({ nPrompt, nTokens }, salt) {
        const request = benchRequest(benchTokens(nPrompt, salt, nVocab), nTokens + 1);
        let startedAt = 0;
        for await (const event of engine.generate(request, new AbortController().signal)) {
          if (event.type !== 'token' || startedAt !== 0) continue;
          // The prompt has been read: from here on tokens are decoded.
          await session.post('Profiler.start');
          startedAt = performance.now();
        }
        const tokenMicroseconds = ((performance.now() - startedAt) * 1000) / nTokens;
        const { profile } = await session.post('Profiler.stop');
        const detail = makeProfile(readSamples(profile, names), tokenMicroseconds);
        return { value: detail.outsideShare, detail };
      },
    },
    async close() {
      session.disconnect();
      engine.close();
      return Promise.resolve();
    },
  };
}

/** Names of kernels by the number of their function, which is what V8 names an exported function by. */
async function kernelNames(modules: KernelModules): Promise<ReadonlyMap<string, string>> {
  const { exports } = await instantiateKernels(modules, createMemory(1));
  const functions = Object.entries(exports as unknown as Record<string, unknown>).flatMap(
    ([name, member]) => (typeof member === 'function' ? [[member.name, name] as const] : []),
  );
  return new Map(functions.map(([number, name]) => [`wasm-function[${number}]`, name]));
}

/** Every sample with the function it was taken in; helpers inside a kernel count as the kernel. */
export function readSamples(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  names: ReadonlyMap<string, string>,
): ProfileSample[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])));
  const kernelOf = (id: number): string | null => {
    for (let at: number | undefined = id; at !== undefined; at = callers.get(at)) {
      const name = names.get(frames.get(at)?.functionName ?? '');
      if (name !== undefined) return name;
    }
    return null;
  };
  return samples.flatMap((id, i): ProfileSample[] => {
    const { functionName = '', url = '', lineNumber = 0 } = frames.get(id) ?? {};
    // The profiler's own calls, and the time spent waiting for it.
    if (url.startsWith('node:inspector') || functionName === '(idle)') return [];
    const microseconds = timeDeltas[i] ?? 0;
    // Calls between JavaScript and WebAssembly have frames of their own, which are not a kernel's.
    if (functionName.startsWith('wasm-function['))
      return [{ name: kernelOf(id) ?? functionName, isKernel: true, microseconds }];
    const where =
      url === '' || lineNumber < 0 ? '' : ` (${url.split('/').at(-1)}:${lineNumber + 1})`;
    return [{ name: functionName + where, isKernel: false, microseconds }];
  });
}

/** Own times of functions as shares of all samples, and of a token's `tokenMicroseconds`. */
export function makeProfile(samples: readonly ProfileSample[], tokenMicroseconds: number): Profile {
  const all = samples.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const rowsOf = (some: readonly ProfileSample[]) => {
    const totals = new Map<string, number>();
    for (const { name, microseconds } of some)
      totals.set(name, (totals.get(name) ?? 0) + microseconds);
    return [...totals]
      .map(([name, microseconds]): ProfileRow => {
        const share = microseconds / all;
        return { name, share, microsecondsPerToken: share * tokenMicroseconds };
      })
      .sort((a, b) => b.share - a.share);
  };
  const outside = rowsOf(samples.filter(({ isKernel }) => !isKernel));
  return {
    microsecondsPerToken: tokenMicroseconds,
    outsideShare: outside.reduce((sum, { share }) => sum + share, 0),
    kernels: rowsOf(samples.filter(({ isKernel }) => isKernel)),
    outside: outside.slice(0, OUTSIDE_ROWS),
  };
}
