/** Servers of this machine that are running: each leaves a note in the user's data folder while it does. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { dataDir } from '../lib/paths.ts';

const noteSchema = z.object({
  pid: z.number().int().positive(),
  url: z.url(),
  models: z.array(z.string()),
  /** When it began to serve, as an ISO time. */
  since: z.string(),
});
export type ServerNote = z.output<typeof noteSchema>;

/** How long a server may take to say that it is there. */
const ANSWER_TIMEOUT_MS = 2_000;
const RSS_UNIT_BYTES = 1024;

function notesDir(): string {
  return join(dataDir(), 'running');
}

/** Notes that this process serves; the returned function takes the note back. */
export function noteServer(facts: Omit<ServerNote, 'pid' | 'since'>): () => void {
  const path = join(notesDir(), `${process.pid}.json`);
  mkdirSync(notesDir(), { recursive: true });
  const note: ServerNote = { pid: process.pid, since: new Date().toISOString(), ...facts };
  writeFileSync(path, JSON.stringify(note), { mode: 0o600 });
  const forget = () => rmSync(path, { force: true });
  process.once('exit', forget);
  return forget;
}

export interface RunningServerRow extends ServerNote {
  /** Resident memory of the server with its runtime; null where it cannot be told (Windows). */
  readonly bytes: number | null;
}

/** Servers that answer, the oldest first. Notes of others, whose process was killed, are thrown away. */
export async function runningServers(): Promise<RunningServerRow[]> {
  const notes = readNotes();
  const areUp = await Promise.all(notes.map(({ url }) => answers(url)));
  for (const [i, { pid }] of notes.entries())
    if (areUp[i] !== true && !isAlive(pid))
      rmSync(join(notesDir(), `${pid}.json`), { force: true });
  const memory = await processMemory();
  return notes
    .filter((_, i) => areUp[i])
    .map((note) => ({ ...note, bytes: memory === null ? null : sumBelow(memory, note.pid) }))
    .sort((a, b) => a.since.localeCompare(b.since));
}

function readNotes(): ServerNote[] {
  let names: string[];
  try {
    names = readdirSync(notesDir());
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      return [noteSchema.parse(JSON.parse(readFileSync(join(notesDir(), name), 'utf8')))];
    } catch {
      // Half written, or no note at all.
      return [];
    }
  });
}

async function answers(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  return await fetch(new URL('/healthz', url), { signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface ProcessRow {
  readonly id: number;
  readonly parent: number;
  readonly bytes: number;
}

async function processMemory(): Promise<ProcessRow[] | null> {
  const done = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss=']).catch(() => null);
  if (done === null) return null;
  return done.stdout.split('\n').flatMap((line) => {
    const [id, parent, rss] = line.trim().split(/\s+/).map(Number);
    if (id === undefined || parent === undefined || rss === undefined) return [];
    return [{ id, parent, bytes: rss * RSS_UNIT_BYTES }];
  });
}

/** Memory of a process and of all that it has started. */
function sumBelow(rows: readonly ProcessRow[], root: number): number {
  const ids = [root];
  for (const id of ids) for (const row of rows) if (row.parent === id) ids.push(row.id);
  return rows.filter(({ id }) => ids.includes(id)).reduce((sum, { bytes }) => sum + bytes, 0);
}
