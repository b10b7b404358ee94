/** Graphs over HTTP: tensors in and out, every mismatch by name, damage refused, speech found. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromBase64, toBase64 } from '../../engine/base/base64.ts';
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';
import { writeOnnxModel } from '../../engine/onnx/write-model.ts';
import { importOnnx } from '../../scripts/import/onnx/import-onnx.ts';
import { manifestKey, modelKey } from '../../worker/platform/model-keys.ts';
import { pushModel } from '../../scripts/push/push.ts';
import { startTestServer } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { countingBytes, linearBytes, linearModel, model, node } from '../support/onnx-models.ts';
import { findModelFile, findRecording } from '../support/needs.ts';
import { readWav } from '../support/recordings.ts';
import { temporaryFolder } from '../support/models.ts';
import { seededRandom } from '../support/random.ts';

interface Answer {
  readonly outputs?: Record<string, { dtype: string; shape: number[]; data: unknown }>;
  readonly segments?: { start: number; end: number }[];
  readonly error?: { code: string; param: string | null; message: string };
}

/** Half a second of a loop that does nothing. */
const MAX_STEPS = 100_000_000;
const hasSilero = findModelFile('silero-vad') !== null;
let server: TestServer;

beforeAll(async () => {
  // own server: models are pushed into its bucket, and damaged there.
  server = await startTestServer({
    models: hasSilero ? ['silero-vad'] : [],
    vars: { MAX_STEPS: String(MAX_STEPS) },
  });
  await using folder = await temporaryFolder();
  for (const [id, bytes] of [
    ['linear', linearBytes()],
    ['counting', countingBytes()],
  ] as const) {
    const input = join(folder.path, `${id}.onnx`);
    await writeFile(input, bytes);
    const dims = new Map(id === 'linear' ? [['batch', 4]] : []);
    await importOnnx({ input, id, outRoot: server.modelsRoot, dims });
    await pushModel(id, { bucket: server.bucket, modelsRoot: server.modelsRoot });
  }
});
afterAll(() => server.close());

async function run(id: string, body: unknown): Promise<{ status: number; answer: Answer }> {
  const response = await server.post(`/v1/onnx/${id}`, body);
  return { status: response.status, answer: await response.json<Answer>() };
}

const x = { dtype: 'float32', shape: [2, 2], data: [1, 2, -1, 0.5] };
const j = { dtype: 'int64', shape: [], data: ['9007199254740993'] };
// By hand: [1, 2] W + b and [-1, 0.5] W + b.
const Y = [9.5, 12, 14.5, 1.5, 0.5, -0.5];

test('a loop without an end ends, and harms nobody else', async () => {
  const counted = (n: string) =>
    run('counting', { inputs: { n: { dtype: 'int64', shape: [], data: [n] } } });
  expect((await counted('1000')).answer.outputs?.['v']?.data).toEqual([1000]);
  const [endless, others] = await Promise.all([
    counted('4611686018427387904'),
    run('linear', { inputs: { x, j } }),
  ]);
  expect(endless.status).toBe(400);
  expect(endless.answer.error?.message).toContain(`takes more than ${MAX_STEPS} steps`);
  // Whoever waited for the runtime that was lost is told to try again.
  expect([200, 503]).toContain(others.status);
  expect((await run('linear', { inputs: { x, j } })).answer.outputs?.['y']?.data).toEqual(Y);
  expect((await counted('5')).answer.outputs?.['v']?.data).toEqual([5]);
});

describe('tensors', () => {
  test('as JSON', async () => {
    const { status, answer } = await run('linear', { inputs: { x, j } });
    expect(status).toBe(200);
    expect(answer.outputs).toEqual({
      y: { dtype: 'float32', shape: [2, 3], data: Y },
      i: { dtype: 'int64', shape: [], data: ['9007199254740994'] },
    });
  });

  test('as base64', async () => {
    const data = base64Of(Float32Array.from(x.data));
    const { answer } = await run('linear', {
      inputs: { x: { ...x, data }, j },
      encoding: 'base64',
    });
    const bytes = fromBase64(String(answer.outputs?.['y']?.data));
    expect([...new Float32Array(bytes?.buffer ?? new ArrayBuffer(0))]).toEqual(Y);
  });

  test('numbers that JSON lacks', async () => {
    const data = ['NaN', 1, '-Infinity', 0];
    const { answer } = await run('linear', { inputs: { x: { ...x, data }, j } });
    expect(answer.outputs?.['y']?.data).toEqual([
      'NaN',
      'NaN',
      'NaN',
      '-Infinity',
      '-Infinity',
      '-Infinity',
    ]);
  });

  test.each([
    ['a missing input', { x }, 'inputs.j', 'is missing'],
    ['one too many', { x, j, z: x }, 'inputs.z', 'is no input'],
    [
      'another type',
      { x: { ...x, dtype: 'int32', data: [1, 2, 3, 4] }, j },
      'inputs.x.dtype',
      'float32',
    ],
    ['too few values', { x: { ...x, data: [1, 2, 3] }, j }, 'inputs.x.data', 'expected 4, got 3'],
    [
      'too few dimensions',
      { x: { ...x, shape: [4] }, j },
      'inputs.x.shape',
      'number of dimensions',
    ],
    [
      'a dimension beyond its maximum',
      { x: { dtype: 'float32', shape: [5, 2], data: Array(10).fill(0) }, j },
      'inputs.x.shape',
      'at most 4',
    ],
    [
      'a fixed dimension of another size',
      { x: { ...x, shape: [1, 4] }, j },
      'inputs.x.shape',
      'dimension 1',
    ],
    [
      'a value of another kind',
      { x: { ...x, data: [1, 2, '3', 4] }, j },
      'inputs.x.data[2]',
      'a number',
    ],
    [
      'a fraction as an integer',
      { x, j: { ...j, data: [1.5] } },
      'inputs.j.data[0]',
      'whole number',
    ],
    ['no base64', { x: { ...x, data: '!!!' }, j }, 'inputs.x.data', 'base64'],
    ['base64 of half a value', { x: { ...x, data: 'AAA=' }, j }, 'inputs.x.data', 'whole values'],
  ])('%s is named', async (_title, inputs, param, message) => {
    const { status, answer } = await run('linear', { inputs });
    expect(status).toBe(400);
    expect(answer.error?.param).toBe(param);
    expect(answer.error?.message).toContain(message);
  });

  test('one way at a time, and only graphs that are there', async () => {
    expect((await run('linear', {})).answer.error?.param).toBe('inputs');
    expect((await run('linear', { inputs: { x, j }, samples: 'AAAA' })).status).toBe(400);
    expect((await run('linear', { inputs: { x, j }, graph: 'other' })).answer.error?.param).toBe(
      'graph',
    );
    expect((await run('linear', { samples: 'AAAAAA==' })).answer.error?.code).toBe('E_MODEL_KIND');
    expect((await run('stories260k', { inputs: {} })).answer.error?.code).toBe('E_MODEL_KIND');
    expect((await run('nothing', { inputs: {} })).status).toBe(404);
    const chat = await server.post('/v1/chat/completions', {
      model: 'linear',
      messages: [{ role: 'user', content: 'a' }],
    });
    expect((await chat.json<Answer>()).error?.code).toBe('E_MODEL_KIND');
  });

  test('the model is listed for what it is', async () => {
    const listed = await (
      await fetch(`${server.url}/v1/models/linear`)
    ).json<{ thimble: object }>();
    expect(listed.thimble).toMatchObject({
      kind: 'onnx',
      modalities: { input: ['tensor'], output: ['tensor'] },
    });
  });
});

/** Pushes 'linear' under another id with another graph, hashes as told. */
async function pushGraph(
  id: string,
  graph: Uint8Array,
  changes: Partial<OnnxManifest> = {},
  sha256?: string,
) {
  const text = (await server.bucket.getText(manifestKey('linear'))) ?? '';
  const manifest = JSON.parse(text) as OnnxManifest;
  const hash = createHash('sha256').update(graph).digest('hex');
  const files = [{ file: 'main.onnx', bytes: graph.length, sha256: sha256 ?? hash }];
  const bytes = new TextEncoder().encode(JSON.stringify({ ...manifest, id, files, ...changes }));
  await server.bucket.put(modelKey(id, files[0]!), graph, hash);
  await server.bucket.put(manifestKey(id), bytes, createHash('sha256').update(bytes).digest('hex'));
}

describe('a stored graph that is hostile', () => {
  const { graph } = linearModel();
  const contradicting = writeOnnxModel({
    ...linearModel(),
    graph: { ...graph, nodes: [node('MatMul', ['w', 'w'], ['y']), ...graph.nodes.slice(2)] },
  });
  const escaping = writeOnnxModel({
    ...linearModel(),
    graph: {
      ...graph,
      initializers: graph.initializers.map((tensor) =>
        tensor.name === 'w'
          ? {
              ...tensor,
              place: { kind: 'external', location: 'main.onnx', offset: 0, length: 24 } as const,
            }
          : tensor,
      ),
    },
  });
  const hungry = writeOnnxModel(
    model({
      ...graph,
      nodes: [
        node('ConstantOfShape', ['huge'], ['zeros']),
        node('ReduceSum', ['zeros'], ['sum']),
        node('MatMul', ['x', 'w'], ['xw']),
        node('Add', ['xw', 'sum'], ['y']),
        node('Identity', ['j'], ['i']),
      ],
      initializers: [
        ...graph.initializers.slice(0, 1),
        {
          name: 'huge',
          dtype: 'int64',
          dims: [1],
          place: { kind: 'inline', bytes: new Uint8Array(BigInt64Array.of(1n << 29n).buffer) },
        },
      ],
    }),
  );

  test.each([
    ['shapes that contradict', contradicting, 'E_FORMAT_INVALID', 'onnxruntime refuses'],
    ['a graph that is cut off', linearBytes().subarray(0, 150), 'E_FORMAT_INVALID', 'cut off'],
    ['weights outside of its files', escaping, 'E_FORMAT_INVALID', 'expected a place inside'],
    ['bytes that are no graph', new TextEncoder().encode('hello, world'), 'E_FORMAT_INVALID', ''],
    ['more memory than there is', hungry, 'E_MEMORY_BUDGET', 'WebAssembly memory'],
  ])('%s', async (title, bytes, code, message) => {
    const id = `bad-${title.replaceAll(/[^a-z]+/g, '-')}`;
    await pushGraph(id, bytes);
    const { status, answer } = await run(id, { inputs: { x, j } });
    expect(answer.error).toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
    expect(answer.error?.message).not.toMatch(/\n\s+at /);
    expect(status).toBeGreaterThanOrEqual(500);
    // The next request is none the worse for it.
    expect((await run('linear', { inputs: { x, j } })).status).toBe(200);
  });

  test('another hash than the manifest says', async () => {
    await pushGraph('wrong-hash', linearBytes(), {}, '0'.repeat(64));
    const { answer } = await run('wrong-hash', { inputs: { x, j } });
    expect(answer.error?.code).toBe('E_WEIGHTS_HASH');
  });

  test('a plan that does not fit is refused with its numbers', async () => {
    await pushGraph('too-large', linearBytes(), {
      memory: { loadedBytes: 90_000_000, peakBytes: 120_000_000 },
    });
    const { status, answer } = await run('too-large', { inputs: { x, j } });
    expect(status).toBe(507);
    expect(answer.error?.message).toContain('90000000 loaded, 120000000 at its peak');
  });

  test('what does not fit beside others takes the place of the longest idle', async () => {
    const memory = { loadedBytes: 60_000_000, peakBytes: 61_000_000 };
    for (const id of ['large-a', 'large-b']) await pushGraph(id, linearBytes(), { memory });
    for (const id of ['large-a', 'large-b', 'large-a', 'linear'])
      expect((await run(id, { inputs: { x, j } })).answer.outputs?.['y']?.data).toEqual(Y);
  });
});

test('models that take turns for the memory answer, or say that they are busy', async () => {
  const memory = { loadedBytes: 60_000_000, peakBytes: 61_000_000 };
  for (const id of ['turn-a', 'turn-b']) await pushGraph(id, linearBytes(), { memory });
  const ids = Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 'turn-a' : 'turn-b'));
  const answers = await Promise.all(ids.map((id) => run(id, { inputs: { x, j } })));
  for (const { status, answer } of answers) {
    if (status === 503) expect(answer.error?.code).toBe('E_BUSY');
    else expect([answer.error?.message, answer.outputs?.['y']?.data]).toEqual([undefined, Y]);
  }
  expect(answers.some(({ status }) => status === 200)).toBe(true);
  // Pushed anew while it is used: the old one ends what it began.
  await pushGraph('turn-a', linearBytes(), { memory, name: 'another' });
  expect((await run('turn-a', { inputs: { x, j } })).status).toBe(200);
});

function base64Of(samples: Float32Array): string {
  return toBase64(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
}

describe.skipIf(!hasSilero)('speech', () => {
  test('none in silence and noise', async () => {
    const random = seededRandom(1);
    const noise = Float32Array.from({ length: 32_000 }, () => (random() - 0.5) * 0.1);
    for (const samples of [new Float32Array(32_000), noise])
      expect((await run('silero-vad', { samples: base64Of(samples) })).answer.segments).toEqual([]);
  });

  const jfk = findRecording();
  test.skipIf(jfk === null)('where it is', async () => {
    const speech = await readWav(jfk ?? '');
    const samples = new Float32Array(16_000 + speech.length);
    samples.set(speech, 16_000);
    const { answer } = await run('silero-vad', { samples: base64Of(samples) });
    const segments = answer.segments ?? [];
    expect(segments.length).toBeGreaterThanOrEqual(2);
    expect(segments[0]?.start).toBeGreaterThan(1.1);
    expect(segments[0]?.start).toBeLessThan(1.5);
    expect(segments.at(-1)?.end).toBeGreaterThan(11);
  });

  test('what is no sound is refused', async () => {
    const { status, answer } = await run('silero-vad', { samples: base64Of(Float32Array.of(NaN)) });
    expect([status, answer.error?.param]).toEqual([400, 'samples']);
    const options = { samples: base64Of(new Float32Array(512)), vad: { threshold: 2 } };
    expect((await run('silero-vad', options)).answer.error?.param).toBe('vad.threshold');
  });
});
