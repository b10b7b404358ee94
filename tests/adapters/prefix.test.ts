/** PEFT's folder of a trained prefix, and the stored file: read, written again, refused. */
import { describe, expect, it } from 'vitest';
import {
  PREFIX_TENSOR,
  readPeftPrefix,
  type TrainedPrefix,
  writePeftPrefix,
} from '../../engine/adapters/prefix.ts';
import { decodeStored, encodePrefix } from '../../engine/adapters/stored.ts';
import { memorySource } from '../../engine/formats/byte-source.ts';
import type { JsonObject } from '../../engine/formats/json.ts';
import { writeSafetensors } from '../../engine/formats/write-safetensors.ts';
import { parseAdapterList } from '../../engine/manifest/adapters.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { randomValues } from '../support/random.ts';
import { TINY_CONFIG } from '../support/tiny-llama.ts';

const N = 5;
const CONFIG = { ...TINY_CONFIG, nLayer: 2, nHead: 4, nKvHead: 2, headDim: 8, ropeDim: 8 };
const WIDTH = CONFIG.nKvHead * CONFIG.headDim;
const baseOf = (ropePairing: 'adjacent' | 'half') => ({
  ...{ architecture: 'llama', preset: 'q8', config: { ...CONFIG, ropePairing } },
});

function somePrefix(): TrainedPrefix {
  const halves = (seed: number) => Uint16Array.from(randomValues(N * WIDTH, seed, 3), f32ToF16);
  const layers = [1, 2].map((i) => ({ keys: halves(i), values: halves(10 + i) }));
  return { nPosition: N, layers, baseName: 'tiny' };
}

/** The folder's files, changed. */
function filesOf(
  changes: JsonObject = {},
  weights?: Uint8Array<ArrayBuffer>,
): readonly [JsonObject, Uint8Array<ArrayBuffer>] {
  const files = writePeftPrefix(somePrefix(), baseOf('half'));
  return [{ ...(files.config as JsonObject), ...changes }, weights ?? files.weights];
}

const read = (
  [config, weights]: readonly [JsonObject, Uint8Array<ArrayBuffer>],
  pairing: 'adjacent' | 'half' = 'half',
) => readPeftPrefix(config, memorySource('prefix', weights), baseOf(pairing));

describe('a prefix', () => {
  it.each(['half', 'adjacent'] as const)(
    'is written and read again with %s pairs',
    async (pairing) => {
      const prefix = somePrefix();
      const { config, weights } = writePeftPrefix(prefix, baseOf(pairing));
      expect(await read([config as JsonObject, weights], pairing)).toEqual(prefix);
    },
  );

  it('has keys and values of each layer side by side, keys in halves', async () => {
    // Position p, layer l, side s, column i: a value of its own.
    const value = (p: number, l: number, s: number, i: number) => p * 100 + l * 40 + s * 20 + i;
    const values = new Float32Array(N * 4 * WIDTH);
    for (let at = 0; at < values.length; at++) {
      const [p, rest] = [Math.floor(at / (4 * WIDTH)), at % (4 * WIDTH)];
      const [l, s] = [Math.floor(rest / (2 * WIDTH)), Math.floor(rest / WIDTH) % 2];
      values[at] = value(p, l, s, rest % WIDTH);
    }
    const tensor = { name: PREFIX_TENSOR, dtype: 'F32' as const, shape: [N, 4 * WIDTH], values };
    const { layers } = await read(filesOf({}, writeSafetensors([tensor])), 'adjacent');
    const at = 3 * WIDTH + 8;
    const half = (x: number) => f32ToF16(x);
    expect([...layers[1]!.values.subarray(at, at + 3)]).toEqual(
      [8, 9, 10].map((i) => half(value(3, 1, 1, i))),
    );
    // Pairs (i, i + 4) of a head of 8 lie side by side in the base.
    expect([...layers[1]!.keys.subarray(at, at + 4)]).toEqual(
      [8, 12, 9, 13].map((i) => half(value(3, 1, 0, i))),
    );
  });

  const floats = (values: Float32Array, shape = [N, 4 * WIDTH], name = PREFIX_TENSOR) =>
    writeSafetensors([{ name, dtype: 'F32', shape, values }]);
  const zeros = (n = N * 4 * WIDTH) => new Float32Array(n);
  it.each([
    [{ num_virtual_tokens: 6 }, undefined, 'E_ADAPTER_BASE', /is \[5, 64\]; expected \[6, 64\]/],
    [{ num_virtual_tokens: 0 }, undefined, 'E_FORMAT_INVALID', /not a number above 0/],
    [{ num_virtual_tokens: 1.5 }, undefined, 'E_FORMAT_INVALID', /not a number above 0/],
    [{ num_virtual_tokens: 4096 }, undefined, 'E_ADAPTER_UNSUPPORTED', /at most 2048/],
    [{ prefix_projection: true }, undefined, 'E_ADAPTER_UNSUPPORTED', /prefix_projection is true/],
    [{}, floats(zeros(N * WIDTH), [N, WIDTH]), 'E_ADAPTER_BASE', /2 layers of 2 heads of 8/],
    [{}, floats(zeros(), [N * 4 * WIDTH]), 'E_ADAPTER_BASE', /expected \[5, 64\]/],
    [{}, floats(zeros(), undefined, 'other'), 'E_ADAPTER_UNSUPPORTED', /has tensors other/],
    [{}, floats(zeros().fill(NaN)), 'E_FORMAT_INVALID', /not numbers/],
    [{}, floats(zeros().fill(7e4)), 'E_ADAPTER_UNSUPPORTED', /too large for halves/],
  ])('is refused with %j', async (changes, weights, code, message) => {
    await expect(read(filesOf(changes, weights))).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

describe('a stored prefix', () => {
  it('has the layers that are asked for, and no others', async () => {
    const prefix = somePrefix();
    const { bytes } = encodePrefix(prefix, baseOf('half'));
    const all = await decodeStored('a', bytes);
    expect(all.prefix).toEqual({ nPosition: N, layers: new Map(prefix.layers.entries()) });
    expect(all.pairs.size).toBe(0);
    const one = await decodeStored('a', bytes, [1, 2]);
    expect(one.prefix).toEqual({ nPosition: N, layers: new Map([[1, prefix.layers[1]!]]) });
  });

  it('without values of a layer is damaged', async () => {
    const { layers } = somePrefix();
    const shape = [N, WIDTH];
    const keys = { name: 'layers.0.prefix.keys', dtype: 'F16' as const, shape };
    const bytes = writeSafetensors([{ ...keys, values: layers[0]!.keys }]);
    await expect(decodeStored('a', bytes)).rejects.toMatchObject({ code: 'E_TENSOR_SHAPE' });
  });
});

it('records of adapters that were added before there were prefixes have none', () => {
  const hash = 'a'.repeat(64);
  const record = {
    ...{ name: 'a', baseSha256: hash, rank: 2, alpha: 4, projections: ['qProj'], nTarget: 1 },
    ...{ activation: null, baseName: null, licence: '', source: '', createdAt: '' },
    ...{ file: 'a.adapter', bytes: 10, sha256: hash, regionBytes: 64 },
  };
  const list = parseAdapterList('key', JSON.stringify({ version: 1, adapters: [record] }));
  expect(list.adapters[0]!.nPrefix).toBe(0);
  const text = JSON.stringify({ version: 1, adapters: [{ ...record, nPrefix: 5000 }] });
  expect(() => parseAdapterList('key', text)).toThrow(/nPrefix/);
});
