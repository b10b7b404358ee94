/**
 * What an import has finished, beside its shards: an import that was cut off goes on from there.
 * A journal of another file, preset or plan has another fingerprint and is ignored.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isErrno } from '../../lib/lock.ts';
import { hashFile } from '../../lib/hash-file.ts';

export const JOURNAL_NAME = 'progress.json';

const shardEntry = z.object({
  file: z.string(),
  bytes: z.number().int().positive(),
  sha256: z.string(),
  tensors: z.record(
    z.string(),
    z.object({ exact: z.boolean(), inexactBlocks: z.number(), blocks: z.number() }),
  ),
});
const journalSchema = z.object({ fingerprint: z.string(), shards: z.array(shardEntry) });

export type ShardEntry = z.output<typeof shardEntry>;
export type Journal = z.output<typeof journalSchema>;

/** The journal of `folder` if it has this fingerprint, else an empty one. */
export async function readJournal(folder: string, fingerprint: string): Promise<Journal> {
  const empty = { fingerprint, shards: [] };
  try {
    const json: unknown = JSON.parse(await readFile(join(folder, JOURNAL_NAME), 'utf8'));
    const parsed = journalSchema.safeParse(json);
    return parsed.success && parsed.data.fingerprint === fingerprint ? parsed.data : empty;
  } catch (error) {
    // A journal that was cut off counts as empty.
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return empty;
    throw error;
  }
}

export async function writeJournal(folder: string, journal: Journal): Promise<void> {
  const path = join(folder, JOURNAL_NAME);
  await writeFile(`${path}.new`, JSON.stringify(journal));
  await rename(`${path}.new`, path);
}

/** Whether the shard on disk is still the one in the journal. */
export async function isShardIntact(folder: string, entry: ShardEntry): Promise<boolean> {
  const path = join(folder, entry.file);
  try {
    const { size } = await stat(path);
    return size === entry.bytes && (await hashFile(path)) === entry.sha256;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Whether an import into this folder was cut off. */
export function hasJournal(folder: string): boolean {
  return existsSync(join(folder, JOURNAL_NAME));
}

/** Writes the journal anew for every shard that is finished, one writing at a time. */
export class JournalWriter {
  readonly #folder: string;
  readonly #fingerprint: Promise<string>;
  readonly #entries: ShardEntry[];
  #writing: Promise<void> = Promise.resolve();

  /** @param fingerprint nothing is written before it is known; that no shard is kept then is correct. */
  constructor(folder: string, fingerprint: Promise<string>, entries: readonly ShardEntry[]) {
    this.#folder = folder;
    this.#fingerprint = fingerprint;
    this.#entries = [...entries];
  }

  get entries(): readonly ShardEntry[] {
    return this.#entries;
  }

  add(entry: ShardEntry): void {
    this.#entries.push(entry);
    const shards = [...this.#entries];
    this.#writing = this.#writing.then(async () =>
      writeJournal(this.#folder, { fingerprint: await this.#fingerprint, shards }),
    );
    // Whoever awaits `settled` is told.
    this.#writing.catch(() => undefined);
  }

  /** Resolves when everything that was added is written. @throws what writing threw. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}
