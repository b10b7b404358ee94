/** Readers of adapters and trained prefixes: PEFT's folder, GGUF, the stored file and its record. */
import type { Adapter } from '../../../../engine/adapters/adapter.ts';
import { readGgufAdapter } from '../../../../engine/adapters/gguf-adapter.ts';
import { readPeft } from '../../../../engine/adapters/peft.ts';
import { readPeftPrefix, writePeftPrefix } from '../../../../engine/adapters/prefix.ts';
import { decodeStored, encodePrefix, encodeStored } from '../../../../engine/adapters/stored.ts';
import { writeGgufAdapter } from '../../../../engine/adapters/write-gguf.ts';
import { writePeft } from '../../../../engine/adapters/write-peft.ts';
import { memorySource } from '../../../../engine/formats/byte-source.ts';
import { parseJsonObject } from '../../../../engine/formats/json.ts';
import type { JsonObject } from '../../../../engine/formats/json.ts';
import { parseAdapterList } from '../../../../engine/manifest/adapters.ts';
import type { ModelConfig } from '../../../../engine/manifest/manifest.ts';
import type { FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes, mutateJson, mutateText } from '../mutate.ts';

const CONFIG: ModelConfig = {
  ...{ nLayer: 1, nEmbd: 16, nHead: 2, nKvHead: 1, headDim: 8, nFf: 8, nVocab: 32, nCtx: 64 },
  ...{ normEps: 1e-6, ropeTheta: 10_000, ropePairing: 'adjacent', ropeDim: 8 },
  ...{ ropeScaling: { kind: 'none' }, tiedHead: true },
};
/** A decoder that is as small as it may be. */
export const BASE = { architecture: 'llama', config: CONFIG };

const SEED: Adapter = {
  ...{ rank: 2, alpha: 4, scale: 2, activation: [3, 4], baseName: 'base' },
  pairs: new Map([
    ['layers.0.qProj', { a: new Float32Array(32).fill(0.5), b: new Float32Array(32).fill(0.25) }],
    ['layers.0.downProj', { a: new Float32Array(16).fill(1), b: new Float32Array(32).fill(0.125) }],
  ]),
};

const PREFIX = {
  ...{ nPosition: 2, baseName: 'base' },
  layers: [{ keys: new Uint16Array(16).fill(0x3c00), values: new Uint16Array(16).fill(0x3800) }],
};

export const adapterTargets: FuzzTargets = () => {
  const { config, weights } = writePeft(SEED, BASE);
  const peft = config as JsonObject;
  const gguf = writeGgufAdapter(SEED, BASE);
  const stored = encodeStored(SEED).bytes;
  const prefix = writePeftPrefix(PREFIX, BASE);
  const prefixConfig = prefix.config as JsonObject;
  const storedPrefix = encodePrefix(PREFIX, { ...BASE, preset: 'q8' }).bytes;
  const hash = 'a'.repeat(64);
  const record = {
    ...{ name: 'a', baseSha256: hash, rank: 2, alpha: 4, projections: ['qProj'], nTarget: 1 },
    ...{ activation: [1], baseName: null, licence: '', source: '', createdAt: '' },
    ...{ file: 'a.adapter', bytes: 10, sha256: hash, regionBytes: 64 },
  };
  const list = { version: 1, adapters: [record] };
  return Promise.resolve([
    {
      name: 'adapter-peft',
      run: (random) => readPeft(peft, memorySource('a', mutateBytes(weights, random)), BASE),
    },
    {
      name: 'adapter-peft-config',
      run: (random) => {
        const text = JSON.stringify(mutateJson(peft, random)) ?? '';
        const json = parseJsonObject('a', new TextEncoder().encode(text));
        return readPeft(json, memorySource('a', weights), BASE);
      },
    },
    {
      name: 'adapter-gguf',
      run: (random) => readGgufAdapter(memorySource('a', mutateBytes(gguf, random)), BASE),
    },
    {
      name: 'adapter-stored',
      run: (random) => decodeStored('a', Uint8Array.from(mutateBytes(stored, random))),
    },
    {
      name: 'adapter-prefix',
      run: (random) =>
        readPeftPrefix(prefixConfig, memorySource('a', mutateBytes(prefix.weights, random)), BASE),
    },
    {
      name: 'adapter-prefix-config',
      run: (random) => {
        const text = JSON.stringify(mutateJson(prefixConfig, random)) ?? '';
        const json = parseJsonObject('a', new TextEncoder().encode(text));
        return readPeftPrefix(json, memorySource('a', prefix.weights), BASE);
      },
    },
    {
      name: 'adapter-prefix-stored',
      run: (random) => decodeStored('a', Uint8Array.from(mutateBytes(storedPrefix, random))),
    },
    {
      name: 'adapter-list',
      run: (random) => parseAdapterList('a', JSON.stringify(mutateJson(list, random))),
    },
    {
      name: 'adapter-list-text',
      run: (random) => parseAdapterList('a', mutateText(JSON.stringify(list), random)),
    },
  ]);
};
