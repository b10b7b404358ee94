/** The peers of the bench, a row each. */
import type { StartPeer } from './peer.ts';

export interface PeerRow {
  readonly name: string;
  readonly label: string;
  /** Head of a column, and name of a bar. */
  readonly short: string;
  /** Needs development packages: takes part with `thimble bench peers` and --peers only. */
  readonly isOther: boolean;
  /** Slow ones are asked in the first rounds only. */
  readonly maxRounds?: number;
  /** Answers questions of its own: a line below the table instead of a column. */
  readonly isSpecial?: boolean;
  /** Our engine in another form, for comparison only: no column of its own. */
  readonly isVariant?: boolean;
  readonly start: () => Promise<StartPeer>;
}

const node = async () => (await import('./peer-node.ts')).startNodePeer;
const native = async () => (await import('./peer-native.ts')).startNativePeer;

export const PEERS = [
  {
    name: 'workerd',
    label: 'Thimble in workerd, over HTTP',
    short: 'Thimble, workerd',
    isOther: false,
    start: async () => (await import('./peer-workerd.ts')).startPeer,
  },
  {
    name: 'workerd-large',
    label: 'Thimble in workerd, over HTTP, in one isolate of any size',
    short: 'one large isolate, workerd',
    isOther: false,
    isVariant: true,
    start: async () => (await import('./peer-workerd.ts')).startLargePeer,
  },
  {
    name: 'node',
    label: 'Thimble in Node',
    short: 'Thimble, Node',
    isOther: false,
    start: async () => (config) => node().then((start) => start(config)),
  },
  {
    name: 'chromium',
    label: 'Thimble in Chromium',
    short: 'Thimble, Chromium',
    isOther: true,
    start: async () => (await import('./peer-chromium.ts')).startPeer,
  },
  {
    name: 'node-lossless',
    label: 'Thimble in Node, preset lossless',
    short: 'lossless, Node',
    isOther: false,
    isVariant: true,
    start: async () => (config) =>
      node().then((start) => start({ ...config, modelId: config.losslessId })),
  },
  {
    name: 'node-simd',
    label: 'Thimble in Node, plain SIMD128 kernels',
    short: 'SIMD128, Node',
    isOther: false,
    isVariant: true,
    start: async () => (config) => node().then((start) => start(config, { kernelBuild: 'simd' })),
  },
  {
    name: 'node-roof',
    label: 'Thimble in Node beside a plain read loop',
    short: 'roof, Node',
    isOther: false,
    isSpecial: true,
    start: async () => (await import('./peer-roof.ts')).startPeer,
  },
  {
    name: 'node-profile',
    label: "Thimble in Node, under V8's profiler",
    short: 'profile, Node',
    isOther: false,
    isSpecial: true,
    start: async () => (await import('./peer-profile.ts')).startPeer,
  },
  {
    name: 'llama.cpp',
    label: 'llama.cpp native, 1 thread, the same file',
    short: 'llama.cpp native, same file',
    isOther: true,
    start: async () => (config) => native().then((start) => start(config.gguf)(config)),
  },
  {
    name: 'llama.cpp-q4_0',
    label: 'llama.cpp native, 1 thread, Q4_0 throughout',
    short: 'llama.cpp native, Q4_0',
    isOther: true,
    start: async () => (config) => native().then((start) => start(config.ggufQ40)(config)),
  },
  {
    name: 'wllama',
    label: 'wllama (llama.cpp in WebAssembly), Chromium, 1 thread',
    short: 'wllama, Chromium',
    isOther: true,
    maxRounds: 3,
    start: async () => (await import('./peer-wllama.ts')).startPeer,
  },
] as const satisfies readonly PeerRow[];

export type PeerName = (typeof PEERS)[number]['name'];
export const PEER_NAMES: readonly PeerName[] = PEERS.map(({ name }) => name);

export function findPeer(name: PeerName): PeerRow {
  return PEERS.find((peer) => peer.name === name)!;
}
