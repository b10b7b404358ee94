/**
 * What the ONNX script's isolate holds while it speaks, listens and looks: JavaScript heap and the
 * buffers behind it, as V8 tells them. Models that were imported take part. The last line is one JSON
 * object. Run: node scripts/bench/workloads/onnx-memory.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { toBase64 } from '../../../engine/base/base64.ts';
import { build } from '../../build/build.ts';
import { listImported, modelsBucketName } from '../../dev/prepare.ts';
import { startServer } from '../../dev/server.ts';
import type { RunningServer } from '../../dev/server.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { pushModel } from '../../push/push.ts';
import { scriptHeap } from '../peers/isolate-memory.ts';

const SCRIPT = 'onnx';
const SAMPLE_MS = 100;
const SENTENCE =
  'The old library stands on the corner of the street, right across from the museum, and nobody who passes by would ever guess how many books it holds. ';

interface Load {
  readonly model: string;
  readonly path: string;
  readonly body: object;
}

/** 2 x 2 pixels. */
const PICTURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoaGBoaAAABgYCAZQ7Q6QAAAAASUVORK5CYII=';

const LOADS: readonly Load[] = [
  {
    model: 'piper-en-us-joe',
    path: '/v1/audio/speech',
    body: { input: SENTENCE.repeat(4), model: 'piper-en-us-joe' },
  },
  {
    model: 'silero-vad',
    path: '/v1/onnx/silero-vad',
    body: { samples: toBase64(new Uint8Array(4 * 16_000 * 20)) },
  },
  { model: 'open-nsfw', path: '/v1/onnx/open-nsfw', body: { image: PICTURE } },
];

interface Peak {
  jsHeapBytes: number;
  backingBytes: number;
}

async function measure(server: RunningServer, { path, body }: Load): Promise<Peak> {
  const peak: Peak = { jsHeapBytes: 0, backingBytes: 0 };
  let isOver = false;
  const sample = async () => {
    const heap = await scriptHeap(server, SCRIPT);
    peak.jsHeapBytes = Math.max(
      peak.jsHeapBytes,
      heap.totalSize + (heap.embedderHeapUsedSize ?? 0),
    );
    peak.backingBytes = Math.max(peak.backingBytes, heap.backingStorageSize ?? 0);
  };
  const sampling = (async () => {
    while (!isOver) {
      await sample();
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`bench: ${path}: status ${response.status}`);
  isOver = true;
  await sampling;
  await sample();
  return peak;
}

async function main(): Promise<void> {
  await build();
  const root = await mkdtemp(join(tmpdir(), 'thimble-onnx-memory-'));
  try {
    const imported = await listImported('onnx');
    const loads = LOADS.filter(({ model }) => imported.includes(model));
    const bucket = await openLocalBucket(modelsBucketName(), root);
    for (const { model } of loads) await pushModel(model, { bucket });
    await bucket.close();
    const options = { port: 0, host: '127.0.0.1', persist: root, inspectorPort: 0 };
    const server = await startServer(options);
    try {
      const peaks: Record<string, Peak> = {};
      for (const load of loads) peaks[load.model] = await measure(server, load);
      process.stdout.write(`${JSON.stringify(peaks)}\n`);
    } finally {
      await server.close();
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

await main();
