/** Recognises an adapter or a trained prefix at a path, and reads it for its base: a PEFT folder or a GGUF file. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Adapter, AdapterBase } from '../../../engine/adapters/adapter.ts';
import { readGgufAdapter } from '../../../engine/adapters/gguf-adapter.ts';
import { PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE, readPeft } from '../../../engine/adapters/peft.ts';
import { isPrefixConfig, readPeftPrefix } from '../../../engine/adapters/prefix.ts';
import type { TrainedPrefix } from '../../../engine/adapters/prefix.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { parseJsonObject } from '../../../engine/formats/json.ts';
import { openFileSource } from '../../lib/file-source.ts';

const MAX_CONFIG_BYTES = 1024 * 1024;

/** @throws {EngineError} E_USAGE for a path that holds no adapter; what the readers throw */
export async function openAdapter(
  path: string,
  base: AdapterBase,
): Promise<Adapter | TrainedPrefix> {
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

async function openFolder(folder: string, base: AdapterBase): Promise<Adapter | TrainedPrefix> {
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
  return await readPeft(parsed, weights, base);
}

function noAdapter(path: string, what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_USAGE',
    `adapter: ${path} ${what}; expected a PEFT folder (${PEFT_CONFIG_FILE}, ${PEFT_WEIGHTS_FILE}) or a GGUF file. ` +
      'Give the path of one.',
    { cause },
  );
}
