/** Recognises an adapter or a trained prefix at a path, and reads it for its base: a PEFT folder or a GGUF file. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AdapterBase } from '../../../engine/adapters/adapter.ts';
import {
  EYES_CONFIG_FILE,
  EYES_WEIGHTS_FILE,
  type Eyes,
  readEyes,
  type SeeingAdapter,
} from '../../../engine/adapters/eyes.ts';
import { readGgufAdapter } from '../../../engine/adapters/gguf-adapter.ts';
import { PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE, readPeft } from '../../../engine/adapters/peft.ts';
import { isPrefixConfig, readPeftPrefix } from '../../../engine/adapters/prefix.ts';
import type { TrainedPrefix } from '../../../engine/adapters/prefix.ts';
import {
  readTower,
  type Tower,
  type TowerBase,
  TOWER_CONFIG_FILE,
  TOWER_WEIGHTS_FILE,
} from '../../../engine/adapters/tower.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { parseJsonObject } from '../../../engine/formats/json.ts';
import { MAX_ADAPTER_BYTES } from '../../../engine/manifest/adapters.ts';
import { openFileSource } from '../../lib/file-source.ts';

const MAX_CONFIG_BYTES = 1024 * 1024;

/** What a path holds: an adapter, with eyes or without, or a trained prefix. */
export type OpenedAdapter = SeeingAdapter | TrainedPrefix;

/** @throws {EngineError} E_USAGE for a path that holds no adapter; what the readers throw */
export async function openAdapter(path: string, base: AdapterBase): Promise<OpenedAdapter> {
  const info = await stat(path).catch((cause: unknown) => {
    throw noAdapter(path, 'cannot be opened', cause);
  });
  if (info.isDirectory()) return await openFolder(path, base);
  if (basename(path) === PEFT_CONFIG_FILE || path.endsWith('.safetensors'))
    return await openFolder(dirname(path), base);
  await using source = await openFileSource(path);
  const head = await source.read(0, Math.min(4, source.bytes));
  if (new TextDecoder().decode(head) !== 'GGUF') throw noAdapter(path, 'is no adapter');
  return await readGgufAdapter(source, base);
}

async function openFolder(folder: string, base: AdapterBase): Promise<OpenedAdapter> {
  const names = await readdir(folder);
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  if (!names.includes(PEFT_CONFIG_FILE) && ggufs.length === 1)
    return await openAdapter(join(folder, ggufs[0]!), base);
  for (const name of [PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE])
    if (!names.includes(name)) throw noAdapter(folder, `has no ${name}`);
  await using config = await openFileSource(join(folder, PEFT_CONFIG_FILE));
  if (config.bytes > MAX_CONFIG_BYTES)
    throw noAdapter(folder, `has a ${PEFT_CONFIG_FILE} of ${config.bytes} bytes`);
  const json = await readRange(config, 0, config.bytes, PEFT_CONFIG_FILE);
  await using weights = await openFileSource(join(folder, PEFT_WEIGHTS_FILE));
  const parsed = parseJsonObject(PEFT_CONFIG_FILE, json);
  if (isPrefixConfig(parsed)) return await readPeftPrefix(parsed, weights, base);
  const adapter = await readPeft(parsed, weights, base);
  return names.includes(EYES_CONFIG_FILE)
    ? { ...adapter, eyes: await openEyes(folder, base) }
    : adapter;
}

/** The eyes beside an adapter. */
async function openEyes(folder: string, base: AdapterBase): Promise<Eyes> {
  const config = await readWhole(folder, EYES_CONFIG_FILE, MAX_CONFIG_BYTES);
  return await readEyes(
    config,
    await readWhole(folder, EYES_WEIGHTS_FILE, MAX_ADAPTER_BYTES),
    base,
  );
}

/** The image tower of a folder. @throws {EngineError} E_USAGE for a path that holds none; as `readTower` */
export async function openTower(folder: string, base: TowerBase): Promise<Tower> {
  const config = await readWhole(folder, TOWER_CONFIG_FILE, MAX_CONFIG_BYTES);
  const bytes = await readWhole(folder, TOWER_WEIGHTS_FILE, MAX_ADAPTER_BYTES);
  return await readTower(config, bytes, base);
}

async function readWhole(
  folder: string,
  name: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  await using source = await openFileSource(join(folder, name)).catch((cause: unknown) => {
    throw noAdapter(folder, `has no ${name}`, cause);
  });
  if (source.bytes > most) throw noAdapter(folder, `has a ${name} of ${source.bytes} bytes`);
  return new Uint8Array(await readRange(source, 0, source.bytes, name));
}

function noAdapter(path: string, what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_USAGE',
    `adapter: ${path} ${what}; expected a PEFT folder (${PEFT_CONFIG_FILE}, ${PEFT_WEIGHTS_FILE}) or a GGUF file, ` +
      `of an embedding model an image tower (${TOWER_CONFIG_FILE}, ${TOWER_WEIGHTS_FILE}). ` +
      'Give the path of one.',
    { cause },
  );
}
