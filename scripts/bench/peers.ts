/** The peers of the bench, a row each. */
import type { StartPeer } from './peer.ts';

export interface PeerRow {
  readonly name: string;
  readonly label: string;
  readonly start: () => Promise<StartPeer>;
}

export const PEERS: readonly PeerRow[] = [
  {
    name: 'workerd',
    label: 'Thimble in workerd, over HTTP',
    start: async () => (await import('./peer-workerd.ts')).startPeer,
  },
  {
    name: 'node',
    label: 'Thimble in Node',
    start: async () => (await import('./peer-node.ts')).startPeer,
  },
  {
    name: 'llama.cpp',
    label: 'llama.cpp native, 1 thread',
    start: async () => (await import('./peer-native.ts')).startPeer,
  },
  {
    name: 'wllama',
    label: 'wllama (llama.cpp in WebAssembly, Chromium, 1 thread)',
    start: async () => (await import('./peer-wllama.ts')).startPeer,
  },
];
