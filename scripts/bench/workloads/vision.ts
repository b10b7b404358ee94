/**
 * An image encoder: our engine in this process beside onnxruntime-web on an int8 graph of the same model, one thread
 * each, alternating; and our server in workerd over HTTP. Numbers are pictures a second.
 */
import { encode } from 'fast-png';
import { toBase64 } from '../../../engine/base/base64.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { loadLocalImageEncoder } from '../../node-host/image-encoder.ts';
import { openOnnxSession } from '../peers/onnx-session.ts';
import { formatSpread, pairedRatio, spread } from '../report/statistics.ts';
import type { Sample, Spread } from '../report/statistics.ts';
import { withBenchServer } from '../bench-server.ts';

export interface VisionBenchOptions {
  readonly model: string;
  /** An ONNX graph of the model with one input [1, 3, side, side]; null leaves the peer out. */
  readonly peerGraph: string | null;
  readonly rounds: number;
}

export interface VisionBenchResult {
  readonly model: string;
  readonly picturesPerSecond: Readonly<Record<string, Spread>>;
  /** Ours in workerd, HTTP and the picture's decoding included, over the peer's graph alone; and ours in Node. */
  readonly ratios: Readonly<Record<string, Spread | null>>;
}

interface VisionPeer {
  readonly name: string;
  readonly see: () => Promise<unknown>;
}

const PEER = 'onnxruntime-web';
/** Calls of a peer in a round. */
const CALLS = 8;

export async function benchVision(options: VisionBenchOptions): Promise<VisionBenchResult> {
  const { model, peerGraph, rounds } = options;
  const { config } = requireKind(await obtainModel(model), 'vision');
  return await withBenchServer({ models: [model] }, async ({ server }) => {
    const { engine } = await loadLocalImageEncoder(model);
    const rgb = picture(config.side);
    const peers: VisionPeer[] = [
      { name: 'node', see: () => engine.see(rgb) },
      { name: 'workerd', see: httpPeer(server.url, model, rgb, config.side) },
    ];
    if (peerGraph !== null)
      peers.push({ name: PEER, see: await openGraph(peerGraph, config.side) });
    const samples = await measure(peers, rounds);
    const peer = samples.get(PEER);
    const ours = [...samples].filter(([name]) => name !== PEER);
    return {
      model,
      picturesPerSecond: Object.fromEntries(
        [...samples].map(([name, list]) => [name, spread(list.map(({ value }) => value))]),
      ),
      ratios:
        peer === undefined
          ? {}
          : Object.fromEntries(ours.map(([name, list]) => [name, pairedRatio(list, peer)])),
    };
  });
}

async function measure(
  peers: readonly VisionPeer[],
  rounds: number,
): Promise<ReadonlyMap<string, Sample[]>> {
  const samples = new Map(peers.map(({ name }): [string, Sample[]] => [name, []]));
  for (const { see } of peers) for (let i = 0; i < CALLS; i++) await see();
  for (let round = 0; round < rounds; round++) {
    for (const { name, see } of round % 2 === 0 ? peers : peers.toReversed()) {
      const startedAt = performance.now();
      for (let i = 0; i < CALLS; i++) await see();
      const seconds = (performance.now() - startedAt) / 1000;
      samples.get(name)!.push({ round, value: CALLS / seconds });
    }
  }
  return samples;
}

function picture(side: number): Uint8Array {
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255);
}

function httpPeer(url: string, model: string, rgb: Uint8Array, side: number): VisionPeer['see'] {
  const png = encode({ width: side, height: side, data: rgb, channels: 3 });
  const body = JSON.stringify({ model, image: `data:image/png;base64,${toBase64(png)}` });
  return async () => {
    const response = await fetch(`${url}/v1/images/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (!response.ok)
      throw new EngineError('E_BACKEND_UNAVAILABLE', `bench: ${await response.text()}`);
    return await response.json();
  };
}

async function openGraph(path: string, side: number): Promise<VisionPeer['see']> {
  const { session, Tensor } = await openOnnxSession(path);
  const values = Float32Array.from({ length: 3 * side * side }, (_, i) => (i % 255) / 128 - 1);
  const [input = ''] = session.inputNames;
  return () => session.run({ [input]: new Tensor('float32', values, [1, 3, side, side]) });
}

export function describeVision({ picturesPerSecond, ratios }: VisionBenchResult): string {
  return Object.entries(picturesPerSecond)
    .map(([name, values]) => {
      const ratio = ratios[name];
      const against =
        ratio === undefined || ratio === null ? '' : `, ${formatSpread(ratio, 2)}x ${PEER}`;
      return `${name}: ${formatSpread(values, 1)} pictures/s${against}\n`;
    })
    .join('');
}
