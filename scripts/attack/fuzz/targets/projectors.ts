/** Readers of what pictures go through beside a base: eyes of a text model, and image towers of embedding models. */
import { encodeEyes, readEyes } from '../../../../engine/adapters/eyes.ts';
import { readTower, type TowerBase, towerBaseHash } from '../../../../engine/adapters/tower.ts';
import type { EyesFacts, TowerFacts } from '../../../../engine/manifest/adapters.ts';
import type { EyesTensors } from '../../../../engine/model/vision/projector.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes, mutateJson } from '../mutate.ts';
import type { Random } from '../random.ts';
import { BASE } from './adapters.ts';

const SIZES = { grid: 2, nFeature: 4, nHidden: 4, nEmbd: 16, normEps: 1e-5 } as const;
const SHA256 = 'a'.repeat(64);
const FACTS: EyesFacts = {
  ...{ ...SIZES, encoder: 'e', encoderSha256: SHA256, beginId: 1, endId: 2 },
};
const TOWER_BASE: TowerBase = {
  ...{ id: 'texts', architecture: 'bert' },
  config: {
    ...{ nLayer: 1, nEmbd: 16, nHead: 1, nFf: 8, nVocab: 32, nCtx: 64, maxTokens: 64 },
    ...{ nTokenType: 0, normEps: 1e-6, pooling: 'mean', normalize: true },
    ...{ queryPrefix: '', documentPrefix: '' },
  },
  tokenizer: {
    ...{ file: 'tokenizer.json', bytes: 10, sha256: SHA256 },
    ...{ addBos: false, bosId: null, eosIds: [] },
  },
};

const TENSORS: EyesTensors = {
  ...SIZES,
  mean: new Float32Array(4),
  deviation: new Float32Array(4).fill(1),
  hidden: new Uint16Array(16).fill(0x3c00),
  hiddenBias: new Float32Array(4),
  out: new Uint16Array(64).fill(0x3c00),
  positions: new Float32Array(64),
  gain: new Float32Array(16).fill(1),
};

export const projectorTargets: FuzzTargets = async () => {
  const weights = encodeEyes(FACTS, TENSORS);
  const { beginId: _begin, endId: _end, ...projector } = FACTS;
  const textSha256 = await towerBaseHash(TOWER_BASE);
  const tower: TowerFacts = { ...projector, text: TOWER_BASE.id, textSha256, scale: 10 };
  return [
    ...both('eyes', FACTS, (config, bytes) => readEyes(config, bytes, BASE)),
    ...both('tower', tower, (config, bytes) => readTower(config, bytes, TOWER_BASE)),
  ];

  /** A record with other weights, and weights with another record. */
  function both(
    name: string,
    facts: object,
    read: (config: Uint8Array, bytes: Uint8Array<ArrayBuffer>) => Promise<object>,
  ): FuzzTarget[] {
    const encode = (json: unknown): Uint8Array =>
      new TextEncoder().encode(JSON.stringify(json) ?? '');
    return [
      {
        name,
        run: (random: Random) => read(encode(facts), Uint8Array.from(mutateBytes(weights, random))),
      },
      {
        name: `${name}-config`,
        run: (random: Random) => read(encode(mutateJson(facts, random)), weights),
      },
    ];
  }
};
