/** Packs as they are read: `pack.json`, and rows of shards whose hashes are checked. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hashFile } from '../lib/hash-file.ts';
import { invalidData, Problems } from './problems.ts';
import { DEFAULT_SEPARATOR } from './readers/index.ts';
import { JSONL_READER } from './readers/jsonl.ts';
import type { DataRow } from './row.ts';

export const PACK_FILE = 'pack.json';
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0);

export const packSchema = z.strictObject({
  format: z.literal('thimble-pack'),
  version: z.literal(1),
  /** The field with the text; null for the usual names. */
  field: z.string().nullable(),
  rows: count,
  shards: z.array(
    z.strictObject({
      // Beside pack.json, never elsewhere.
      file: z.string().regex(/^shard-\d{5,}\.jsonl$/),
      rows: count,
      bytes: count,
      sha256,
    }),
  ),
  /** Bytes are null for a folder, whose hash is over the names, sizes and times in it. */
  sources: z.array(z.strictObject({ file: z.string(), bytes: count.nullable(), sha256 })),
});
export type Pack = z.output<typeof packSchema>;
export type Shard = Pack['shards'][number];

/** @throws {EngineError} E_DATA_INVALID naming the field */
export async function readPack(path: string): Promise<Pack> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalidData(`${path}: cannot be read (${String(error)}). Pack the data again.`);
  }
  const parsed = packSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidData(
    `${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not a pack'}. Pack the data again.`,
  );
}

/** @throws {EngineError} E_DATA_INVALID for a shard whose hash is another, or a row that cannot be read */
export async function* packedRows(
  path: string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<DataRow, void, void> {
  const pack = await readPack(path);
  for (const shard of pack.shards) {
    const file = join(dirname(path), shard.file);
    const hash = await hashFile(file).catch((error: unknown) => {
      throw invalidData(`${file}: cannot be read (${String(error)}). Pack the data again.`);
    });
    if (hash !== shard.sha256)
      throw invalidData(
        `${file}: SHA-256; expected ${shard.sha256}, got ${hash}. Copy the pack again, or pack the data again.`,
      );
    yield* JSONL_READER.read(file, {
      ...{ problems: new Problems(true), separator: DEFAULT_SEPARATOR, field: pack.field },
      ...{ signal, onBytes: () => undefined },
    });
  }
}
