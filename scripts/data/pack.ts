/**
 * Shards of rows with their hashes and where each row came from: `pack.json` lists them, and a training reads them by
 * it. Shards are renamed when they are whole, and a pack that was cut off goes on after its last whole shard.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import { asDiskError } from '../lib/disk.ts';
import { hashFile } from '../lib/hash-file.ts';
import { isErrno, withLock } from '../lib/lock.ts';
import type { CardAbout } from './output/croissant.ts';
import { RowWriter } from './output/folder.ts';
import type { Section } from './output/section.ts';
import { problemSections } from './output/section.ts';
import { CARD_FILE, REPORT_FILE, writeReport } from './output/write-report.ts';
import { WrittenRows } from './output/written-rows.ts';
import { PACK_FILE, packSchema } from './packed.ts';
import type { Pack, Shard } from './packed.ts';
import { invalidData, Problems } from './problems.ts';
import { readRows } from './readers/index.ts';
import type { InputOptions } from './readers/index.ts';
import { inputSection } from './rewrite.ts';

const STATE_FILE = '.pack-partial.json';
const LOCK_FILE = '.pack-lock';
const PARTIAL = '.partial';
export const DEFAULT_SHARD_BYTES = 64 * 2 ** 20;

const stateSchema = z.strictObject({
  fingerprint: z.string(),
  shards: packSchema.shape.shards,
});

export interface PackOptions {
  readonly input: InputOptions;
  readonly isStrict: boolean;
  /** A shard ends after the row that reaches it. */
  readonly shardBytes: number;
  readonly out: string;
  readonly about: CardAbout;
  readonly onBytes?: (bytes: number) => void;
  /** Called after each whole shard. */
  readonly onShard?: (shard: Shard) => void;
}

export interface Packed {
  readonly pack: Pack;
  /** Rows that were there from a pack that had been cut off. */
  readonly nResumed: number;
  readonly problems: Problems;
  readonly sections: readonly Section[];
  readonly missing: readonly string[];
}

/** @throws {EngineError} E_USAGE for a folder of something else, E_BUSY while another packs into it; as `readRows` */
export async function packRows(options: PackOptions): Promise<Packed> {
  const { out } = options;
  await checkPackFolder(out);
  await mkdir(out, { recursive: true }).catch((error: unknown) => {
    throw asDiskError(error, out, 'data');
  });
  try {
    return await withLock(join(out, LOCK_FILE), () => packInto(options));
  } catch (error) {
    throw asDiskError(error, out, 'data');
  }
}

async function checkPackFolder(out: string): Promise<void> {
  const names = await readdir(out).catch((error: unknown): string[] => {
    if (isErrno(error, 'ENOENT')) return [];
    throw asDiskError(error, out, 'data');
  });
  const isOurs = names.includes(STATE_FILE) || names.includes(LOCK_FILE);
  if (names.length > 0 && (!isOurs || names.includes(PACK_FILE)))
    throw new EngineError(
      'E_USAGE',
      `data: --out: ${out} has files in it${names.includes(PACK_FILE) ? ', a whole pack' : ''}; expected a new or empty folder, or a pack that was cut off. Name another, or remove it.`,
    );
}

async function packInto(options: PackOptions): Promise<Packed> {
  const { input, isStrict, shardBytes, out, about, onBytes, onShard } = options;
  const problems = new Problems(isStrict);
  const sources = await hashSources(input.files);
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([sources, shardBytes, input.format, input.separator, input.field]))
    .digest('hex');
  const shards = await readState(out, fingerprint);
  const nResumed = shards.reduce((n, { rows }) => n + rows, 0);
  const written = new WrittenRows(out, about.licence);
  let writer: ShardWriter | null = null;
  const finish = async (whole: ShardWriter): Promise<void> => {
    const shard = await whole.finish();
    shards.push(shard);
    await writeWhole(join(out, STATE_FILE), JSON.stringify({ fingerprint, shards }));
    onShard?.(shard);
  };
  await writeWhole(join(out, STATE_FILE), JSON.stringify({ fingerprint, shards }));
  try {
    let n = 0;
    for await (const row of readRows(input, problems, onBytes)) {
      const fields = await written.fieldsOf(row);
      if (n++ < nResumed) continue;
      writer ??= new ShardWriter(out, shards.length);
      await writer.rows.write(fields);
      if (writer.rows.nByte < shardBytes) continue;
      await finish(writer);
      writer = null;
    }
    if (writer !== null) await finish(writer);
    writer = null;
  } finally {
    await writer?.drop();
  }
  const pack: Pack = {
    ...{ format: 'thimble-pack', version: 1, field: input.field, shards },
    rows: shards.reduce((sum, { rows }) => sum + rows, 0),
    sources,
  };
  const sections = [packSection(pack), ...problemSections(problems), inputSection(input.files)];
  const files = shards.map(({ file: path, bytes, sha256 }) => ({
    file: { path, bytes, sha256 },
    columns: written.facts.columns,
  }));
  const missing = await writeReport(out, about, sections, files, written.facts);
  // Last: a folder with it is whole.
  await writeWhole(join(out, PACK_FILE), `${JSON.stringify(pack, null, 2)}\n`);
  await rm(join(out, STATE_FILE));
  return { pack, nResumed, problems, sections, missing };
}

class ShardWriter {
  readonly rows: RowWriter;
  readonly #path: string;
  readonly #name: string;

  constructor(folder: string, number: number) {
    this.#name = `shard-${String(number).padStart(5, '0')}.jsonl`;
    this.#path = join(folder, this.#name);
    this.rows = new RowWriter(`${this.#path}${PARTIAL}`);
  }

  async finish(): Promise<Shard> {
    const sha256 = await this.rows.end();
    await rename(`${this.#path}${PARTIAL}`, this.#path);
    return { file: this.#name, rows: this.rows.nRow, bytes: this.rows.nByte, sha256 };
  }

  async drop(): Promise<void> {
    await this.rows.drop();
    await rm(`${this.#path}${PARTIAL}`, { force: true });
  }
}

/** Whole shards of a pack of the same rows that was cut off; none where there is no such pack. */
async function readState(out: string, fingerprint: string): Promise<Shard[]> {
  for (const name of await readdir(out))
    if (name.endsWith(PARTIAL) || name === CARD_FILE || name === REPORT_FILE)
      await rm(join(out, name));
  const text = await readFile(join(out, STATE_FILE), 'utf8').catch(() => null);
  if (text === null) return [];
  const state = stateSchema.safeParse(parsedOrNull(text));
  if (!state.success || state.data.fingerprint !== fingerprint)
    throw new EngineError(
      'E_USAGE',
      `data: --out: ${out} has a pack of other rows or options that was cut off. Give the same files and options, or remove it.`,
    );
  for (const { file, sha256 } of state.data.shards)
    if ((await hashFile(join(out, file)).catch(() => null)) !== sha256)
      throw invalidData(`${join(out, file)}: is not the shard that was written. Remove ${out}.`);
  return [...state.data.shards];
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}${PARTIAL}`, text);
  await rename(`${path}${PARTIAL}`, path);
}

async function hashSources(files: readonly string[]): Promise<Pack['sources']> {
  const sources: Pack['sources'][number][] = [];
  for (const file of files) {
    const info = await stat(file).catch((error: unknown) => {
      throw invalidData(`${file}: cannot be read (${String(error)}). Name a file that exists.`);
    });
    sources.push(
      info.isDirectory()
        ? { file, bytes: null, sha256: await hashFolder(file) }
        : { file, bytes: info.size, sha256: await hashFile(file) },
    );
  }
  return sources;
}

/** Over the names, sizes and times of what is in a folder, so that a changed one is noticed. */
async function hashFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).toSorted()) {
    const { size, mtimeMs } = await stat(join(folder, name));
    hash.update(`${name}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function packSection({ rows, shards, sources }: Pack): Section {
  return {
    title: 'Shards',
    note: `${rows} rows in ${shards.length} shards from ${sources.length} sources; each row names where it came from`,
    head: ['shard', 'rows', 'bytes', 'SHA-256'],
    rows: shards.map(({ file, rows: n, bytes, sha256 }) => [
      ...[file, String(n), String(bytes), sha256],
    ]),
    numbers: [1, 2],
  };
}
