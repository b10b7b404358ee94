/** What an adapter was measured on, with the hashes of its files: `record.json` beside them. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EYES_CONFIG_FILE, EYES_WEIGHTS_FILE } from '../../../engine/adapters/eyes.ts';
import { PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE } from '../../../engine/adapters/peft.ts';
import { hashFile } from '../../lib/hash-file.ts';
import { writeWhole } from '../../train/checkpoint.ts';
import type { RecipeFiles } from './rows-file.ts';

export const RECORD_FILE = 'record.json';
const ADAPTER_FILES = [PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE];
/** Those of an adapter that sees. */
const EYES_FILES = [EYES_CONFIG_FILE, EYES_WEIGHTS_FILE];

/** @template R what was measured */
export interface AdapterRecord<R> {
  /** SHA-256 of the adapter's files, by their names. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of what was learned from and measured on, by their names. */
  readonly data: Readonly<Record<string, string>>;
  readonly report: R;
}

/** SHA-256 of an adapter's files, by their names. */
export async function adapterHashes(folder: string): Promise<Record<string, string>> {
  const present = await readdir(folder);
  const eyes = EYES_FILES.filter((name) => present.includes(name));
  return await hashesOf(folder, [...ADAPTER_FILES, ...eyes]);
}

/** @throws {EngineError} E_DISK */
export async function writeRecord<R>(
  adapter: string,
  { folder, names }: RecipeFiles,
  report: R,
): Promise<void> {
  const record: AdapterRecord<R> = {
    files: await adapterHashes(adapter),
    data: await hashesOf(folder, names),
    report,
  };
  await saveRecord(adapter, record);
}

async function saveRecord(adapter: string, record: AdapterRecord<unknown>): Promise<void> {
  await writeWhole(join(adapter, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Puts one measurement of several, named `part`, into an adapter's record; those of other files than the adapter has now go.
 * @param asked files of the rows that it was asked about
 * @throws {EngineError} E_DISK
 */
export async function addToRecord(
  adapter: string,
  part: string,
  asked: readonly string[],
  report: object,
): Promise<void> {
  const files = await adapterHashes(adapter);
  const before = await readRecord<Record<string, object>>(adapter).catch(() => null);
  const kept = JSON.stringify(before?.files) === JSON.stringify(files) ? before : null;
  const others = Object.entries(kept?.data ?? {}).filter(([name]) => !name.startsWith(`${part}: `));
  const data = Object.fromEntries(others);
  for (const file of asked) data[`${part}: ${basename(file)}`] = await hashFile(resolve(file));
  await saveRecord(adapter, { files, data, report: { ...kept?.report, [part]: report } });
}

export async function readRecord<R>(adapter: string): Promise<AdapterRecord<R>> {
  return JSON.parse(await readFile(join(adapter, RECORD_FILE), 'utf8')) as AdapterRecord<R>;
}

async function hashesOf(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of names) hashes[name] = await hashFile(join(folder, name));
  return hashes;
}
