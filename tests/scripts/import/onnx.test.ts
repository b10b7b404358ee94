/** `thimble import` of .onnx files: what is written, external weights, and what is refused. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { readOnnxModel } from '../../../engine/onnx/read-model.ts';
import type { OnnxModel } from '../../../engine/onnx/types.ts';
import { writeOnnxModel } from '../../../engine/onnx/write-model.ts';
import { importOnnx } from '../../../scripts/import/onnx/import-onnx.ts';
import { loadLocalOnnx, openOrtRuntime } from '../../../scripts/node-host/onnx.ts';
import { float32Of, float32Tensor } from '../../../worker/onnx/tensors.ts';
import { temporaryFolder } from '../../support/models.ts';
import { linearBytes, model, node } from '../../support/onnx-models.ts';
import { randomValues } from '../../support/random.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => await folder[Symbol.asyncDispose]());

const N = 40;
const WEIGHTS = randomValues(N * N, 9);
const bytesOf = (values: Float32Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** y = x W; W inside, or in a file. */
function product(place: OnnxModel['graph']['initializers'][number]['place']): OnnxModel {
  return model({
    inputs: [{ name: 'x', dtype: 'float32', dims: ['rows', N] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['rows', N] }],
    initializers: [{ name: 'w', dtype: 'float32', dims: [N, N], place }],
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
  });
}

let count = 0;
async function put(
  bytes: Uint8Array,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<string> {
  const dir = join(folder.path, `source-${count++}`);
  await mkdir(dir);
  for (const [name, data] of Object.entries(files)) await writeFile(join(dir, name), data);
  await writeFile(join(dir, 'model.onnx'), bytes);
  return join(dir, 'model.onnx');
}

const run = async (input: string, more: Partial<Parameters<typeof importOnnx>[0]> = {}) =>
  await importOnnx({ input, id: 'm', outRoot: join(folder.path, `models-${count++}`), ...more });

async function refusal(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => new Error('expected a refusal'),
    (reason: unknown) => reason,
  );
  if (error instanceof EngineError) return error;
  throw error;
}

describe('weights', () => {
  const outside = { kind: 'external', location: 'w.data', offset: 8, length: 4 * N * N } as const;
  const data = new Uint8Array(8 + 4 * N * N);
  data.set(bytesOf(WEIGHTS), 8);

  test.each([
    ['inside', { kind: 'inline', bytes: bytesOf(WEIGHTS) } as const, {}],
    ['in a file beside it', outside, { 'w.data': data }],
  ])('%s come out and compute the same', async (_title, place, files) => {
    const imported = await run(await put(writeOnnxModel(product(place)), files), {
      dims: new Map([['rows', 3]]),
    });
    const { manifest } = imported;
    expect(manifest.graphs[0]?.weights).toEqual(['main-0.bin']);
    expect(manifest.graphs[0]?.inputs[0]?.shape).toEqual([{ name: 'rows', max: 3 }, N]);
    const graph = new Uint8Array(await readFile(join(imported.folder, 'main.onnx')));
    expect(readOnnxModel('main', graph).graph.initializers[0]?.place.kind).toBe('external');
    const runtime = await openOrtRuntime();
    const loaded = await loadLocalOnnx(runtime, imported.folder, manifest);
    const x = randomValues(2 * N, 4);
    const y = float32Of(await loaded.run('main', { x: float32Tensor(x, [2, N]) }), 'y');
    for (const [row, column] of [
      [0, 0],
      [1, 17],
      [1, N - 1],
    ] as const) {
      let sum = 0;
      for (let k = 0; k < N; k++) sum += x[row * N + k]! * WEIGHTS[k * N + column]!;
      expect(y[row * N + column]).toBeCloseTo(sum, 4);
    }
  });

  test('missing, or in a file that ends too early', async () => {
    const bytes = writeOnnxModel(product(outside));
    expect((await refusal(run(await put(bytes)))).message).toContain('w.data is missing');
    const short = await put(bytes, { 'w.data': data.subarray(0, 1000) });
    expect((await refusal(run(short))).message).toContain('has 1000 bytes');
  });

  test('outside of the folder, by name or by link', async () => {
    const escaping = writeOnnxModel(product({ ...outside, location: '../secret' }));
    expect((await refusal(run(await put(escaping)))).message).toContain('without folders');
    const input = await put(writeOnnxModel(product(outside)));
    await symlink('/etc/hostname', join(input, '..', 'w.data'));
    expect((await refusal(run(input))).message).toContain('is a link');
  });
});

describe('refused', () => {
  test.each([
    ['a file that is cut off', () => linearBytes().subarray(0, 150), 'E_FORMAT_INVALID'],
    ['a text', () => new TextEncoder().encode('not a graph at all'), 'E_FORMAT_INVALID'],
    [
      'shapes that contradict',
      () =>
        writeOnnxModel({
          ...model({
            inputs: [{ name: 'x', dtype: 'float32', dims: [2, 3] }],
            outputs: [{ name: 'y', dtype: 'float32', dims: [2, 2] }],
            nodes: [node('MatMul', ['x', 'x'], ['y'])],
          }),
        }),
      'E_FORMAT_INVALID',
    ],
    [
      'an operator that is none',
      () =>
        writeOnnxModel(
          model({
            inputs: [{ name: 'x', dtype: 'float32', dims: [1] }],
            outputs: [{ name: 'y', dtype: 'float32', dims: [1] }],
            nodes: [node('Nonsense', ['x'], ['y'])],
          }),
        ),
      'E_FORMAT_INVALID',
    ],
    [
      'an input of no shape',
      () =>
        writeOnnxModel(
          model({
            inputs: [{ name: 'x', dtype: 'float32', dims: null }],
            outputs: [{ name: 'y', dtype: 'float32', dims: [1] }],
            nodes: [node('Identity', ['x'], ['y'])],
          }),
        ),
      'E_DTYPE_UNSUPPORTED',
    ],
  ])('%s', async (_title, make, code) => {
    const error = await refusal(run(await put(make())));
    expect(error.code).toBe(code);
  });

  test('wrong words on the command line', async () => {
    const input = await put(linearBytes());
    expect((await refusal(run(input, { task: 'magic' }))).message).toContain('voice-activity');
    expect((await refusal(run(input, { dims: new Map([['nobody', 3]]) }))).message).toContain(
      'expected one of batch',
    );
    expect((await refusal(run(input, { id: 'Not An Id' }))).code).toBe('E_USAGE');
    expect((await refusal(run(input, { task: 'speech-synthesis' }))).message).toContain('Piper');
    expect((await refusal(run(input, { task: 'voice-activity' }))).message).toContain('Silero');
    expect((await refusal(run(join(folder.path, 'nowhere.onnx')))).code).toBe('E_USAGE');
  });

  test('an id that is taken, unless told', async () => {
    const input = await put(linearBytes());
    const outRoot = join(folder.path, 'taken');
    await run(input, { outRoot });
    expect((await refusal(run(input, { outRoot }))).message).toContain('--force');
    await run(input, { outRoot, force: true });
  });
});

test('a graph that dislikes zeros is imported with a warning', async () => {
  const zero = (value: bigint) =>
    ({ kind: 'inline', bytes: new Uint8Array(BigInt64Array.of(value).buffer) }) as const;
  const input = await put(
    writeOnnxModel(
      model({
        inputs: [{ name: 'i', dtype: 'int64', dims: [1] }],
        outputs: [{ name: 'y', dtype: 'int64', dims: ['n'] }],
        initializers: [{ name: 'x', dtype: 'int64', dims: [1], place: zero(5n) }],
        nodes: [node('Add', ['i', 'x'], ['five']), node('Gather', ['x', 'five'], ['y'])],
      }),
    ),
  );
  const warnings: string[] = [];
  await run(input, { onWarning: (text) => warnings.push(text) });
  expect(warnings).toHaveLength(1);
});
