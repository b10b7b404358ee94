/**
 * What the ONNX script's isolate holds while it speaks, listens and looks: JavaScript heap and the
 * buffers outside it, as V8 reports them. Imported models take part.
 */
import { toBase64 } from '../../../engine/base/base64.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { listImported } from '../../dev/prepare.ts';
import type { RunningServer } from '../../dev/server.ts';
import { withBenchServer } from '../bench-server.ts';
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

/** The highest values seen while a request was answered. */
export interface Peak {
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
  const answer = await response.text();
  isOver = true;
  await sampling;
  if (!response.ok)
    throw new EngineError('E_BACKEND_UNAVAILABLE', `bench: ${path}: ${answer.slice(0, 300)}`);
  await sample();
  return peak;
}

/** By model. @throws {EngineError} E_MODEL_NOT_FOUND when none of the models is imported */
export async function benchOnnxMemory(
  onNote: (text: string) => void,
): Promise<Record<string, Peak>> {
  const imported = await listImported('onnx');
  const loads = LOADS.filter(({ model }) => imported.includes(model));
  if (loads.length === 0)
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `bench: expected one of ${LOADS.map(({ model }) => model).join(', ')} to be imported, found none. Run: thimble import ${LOADS[0]!.model}`,
    );
  const models = loads.map(({ model }) => model);
  return await withBenchServer({ models, inspectorPort: 0 }, async ({ server }) => {
    const peaks: Record<string, Peak> = {};
    for (const load of loads) {
      onNote(load.model);
      peaks[load.model] = await measure(server, load);
    }
    return peaks;
  });
}

export function describeOnnxMemory(peaks: Readonly<Record<string, Peak>>): string {
  const show = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return Object.entries(peaks)
    .map(
      ([model, { jsHeapBytes, backingBytes }]) =>
        `${model}: ${show(jsHeapBytes)} of JavaScript heap, ${show(backingBytes)} of buffers\n`,
    )
    .join('');
}
