/** Copies what a server keeps into a file, and back. */
import { open } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import { KIND_NAMES, KINDS } from '../../worker/apis/backup/kinds.ts';
import type { Kind, KindName } from '../../worker/apis/backup/kinds.ts';
import { BackupWriter, checkBackup, readContent } from './backup-file.ts';
import type { BackupItem } from './backup-file.ts';
import type { BackupServer, Listed } from './server-client.ts';

/** Times an object is copied again that was written to meanwhile. */
const MAX_TRIES = 5;
/** Of a dump the last line is looked at; it is shorter than this. */
const END_BYTES = 200;

export interface BackupCounts {
  readonly items: number;
  readonly byKind: Readonly<Record<string, number>>;
}

/** @throws {EngineError} what the server answers; E_BUSY when an object is always being written to */
export async function writeBackup(
  server: BackupServer,
  path: string,
  onItem: (kind: string, name: string) => void = () => undefined,
): Promise<BackupCounts> {
  const writer = await BackupWriter.create(path);
  const byKind: Record<string, number> = {};
  try {
    for (const kind of KIND_NAMES)
      for await (const listed of server.list(kind)) {
        const isKept = await copyItem(server, writer, kind, listed);
        if (!isKept) continue;
        byKind[kind] = (byKind[kind] ?? 0) + 1;
        onItem(kind, listed.name);
      }
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return { items: await writer.finish(), byKind };
}

/** @returns false for what is gone */
async function copyItem(
  server: BackupServer,
  writer: BackupWriter,
  kind: KindName,
  { name, metadata }: Listed,
): Promise<boolean> {
  const { objects }: Kind = KINDS[kind];
  if (objects === undefined) {
    const content = await server.read(kind, name);
    if (content !== null) await writer.item({ kind, name, metadata }, content);
    return content !== null;
  }
  for (let i = 0; i < MAX_TRIES; i++) {
    // Where an object is in the file again, the later copy replaces the one before.
    const content = await server.read(kind, name);
    if (content === null) return false;
    const tail = new Tail(content);
    await writer.item({ kind, name, metadata }, tail);
    if (!tail.end().isChanged) return true;
  }
  throw new EngineError(
    'E_BUSY',
    `backup: ${kind} ${name} was written to each time it was read. Try again when it is not used.`,
  );
}

interface End {
  /** Whether the object was written to while it was read. */
  readonly isChanged: boolean;
}

/** Passes a dump on, and knows its last line. */
class Tail implements AsyncIterable<Uint8Array> {
  readonly #content: AsyncIterable<Uint8Array>;
  #last = '';
  readonly #decoder = new TextDecoder('latin1');

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#content = content;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#content) {
      this.#last = (this.#last + this.#decoder.decode(chunk)).slice(-END_BYTES);
      yield chunk;
    }
  }

  /** @throws {EngineError} E_BACKEND_UNAVAILABLE for a dump that did not come to its end */
  end(): End {
    const [, line] = /\n?(\{"end":true[^\n]*\})\n$/.exec(this.#last) ?? [];
    if (line !== undefined) return JSON.parse(line) as End;
    throw new EngineError('E_BACKEND_UNAVAILABLE', 'backup: an object was cut off. Try again.');
  }
}

/**
 * Checks the whole file, then writes what it holds: the same items again change nothing.
 * @throws {EngineError} E_USAGE for a damaged file, before anything is written; what the server answers
 */
export async function restoreBackup(
  server: BackupServer,
  path: string,
  onItem: (kind: string, name: string) => void = () => undefined,
): Promise<BackupCounts> {
  const file = await open(path).catch((cause: unknown) => {
    throw new EngineError(
      'E_USAGE',
      `restore: ${path} cannot be read. Name a file of thimble backup.`,
      {
        cause,
      },
    );
  });
  try {
    const items = await checkBackup(path, file);
    for (const item of items) requireKind(item);
    const byKind: Record<string, number> = {};
    for (const item of items) {
      await server.write(item.kind, item, () => streamOf(readContent(path, file, item)));
      byKind[item.kind] = (byKind[item.kind] ?? 0) + 1;
      onItem(item.kind, item.name);
    }
    return { items: items.length, byKind };
  } finally {
    await file.close();
  }
}

function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await pieces.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
}

function requireKind({ kind, name }: BackupItem): void {
  if (Object.hasOwn(KINDS, kind)) return;
  throw new EngineError(
    'E_USAGE',
    `restore: ${name} is of the kind ${kind}, which this version does not know. Nothing was written. Use the version that wrote the file.`,
  );
}
