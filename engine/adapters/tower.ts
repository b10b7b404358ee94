/**
 * An image tower as files hold it: a record, `tower.json`, and `tower.safetensors`, matrices in halves. Pictures that go
 * through it are vectors among those that an embedding model makes of texts. A bucket has the same safetensors.
 */
import { sha256Hex } from '../base/sha256.ts';
import { invalidFile } from '../formats/byte-source.ts';
import { parseJsonObject } from '../formats/json.ts';
import { type TowerFacts, towerFactsSchema } from '../manifest/adapters.ts';
import type { EncoderManifest } from '../manifest/manifest.ts';
import type { EyesTensors } from '../model/vision/projector.ts';
import { otherBase } from './adapter.ts';
import { decodeEyes } from './eyes.ts';

export const TOWER_CONFIG_FILE = 'tower.json';
export const TOWER_WEIGHTS_FILE = 'tower.safetensors';

/** A tower with what belongs to it. */
export interface Tower {
  readonly facts: TowerFacts;
  /** tower.safetensors */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tensors: EyesTensors;
}

/** What is looked at of an embedding model. */
export type TowerBase = Pick<EncoderManifest, 'id' | 'architecture' | 'config' | 'tokenizer'>;

/**
 * The tower of a folder, for the embedding model that it is read for.
 * @param config of tower.json @param bytes of tower.safetensors, hostile
 * @throws {EngineError} E_FORMAT_INVALID, E_ADAPTER_BASE for another base than it was trained for; as `decodeEyes`
 */
export async function readTower(
  config: Uint8Array,
  bytes: Uint8Array<ArrayBuffer>,
  base: TowerBase,
): Promise<Tower> {
  const parsed = towerFactsSchema.safeParse(parseJsonObject(TOWER_CONFIG_FILE, config));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalidFile(
      TOWER_CONFIG_FILE,
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is invalid'}`,
      'what thimble train writes',
    );
  }
  const facts = parsed.data;
  const { nEmbd } = base.config;
  if (facts.nEmbd !== nEmbd || facts.textSha256 !== (await towerBaseHash(base)))
    throw otherBase(
      TOWER_CONFIG_FILE,
      `vectors of ${facts.nEmbd} values, for ${facts.text}`,
      `${nEmbd} values, and the network and the tokenizer of ${base.id}`,
      { nEmbd: facts.nEmbd, expected: nEmbd, text: facts.text },
    );
  return { facts, bytes, tensors: await decodeEyes(TOWER_WEIGHTS_FILE, bytes, facts) };
}

/**
 * What an embedding model has to be for a tower's vectors to be among its own: its network and its tokenizer. The precision
 * of its weights may change, and so may what compares tokens.
 */
export async function towerBaseHash({
  architecture,
  config: { late: _late, ...config },
  tokenizer,
}: Omit<TowerBase, 'id'>): Promise<string> {
  const entries = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([architecture, entries, tokenizer.sha256]);
  return await sha256Hex(new Uint8Array(new TextEncoder().encode(text)));
}
