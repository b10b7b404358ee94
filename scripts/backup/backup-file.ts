/**
 * The file of a backup: lines of JSON. The first says what it is; an item begins with its kind and name, and its
 * content follows in pieces, base64; the last line has the SHA-256 of all before it.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { fromBase64, toBase64 } from '../../engine/base/base64.ts';
import { EngineError } from '../../engine/base/errors.ts';

export const BACKUP_VERSION = 1;
/** Content of a line: a multiple of 3, so that pieces of base64 can be joined. */
const PIECE_BYTES = 192 * 1024;
const READ_BYTES = 1024 * 1024;
/** A piece as base64, and what is around it; a name has 1 KiB and metadata 2 KiB at most. */
const MAX_LINE_BYTES = 512 * 1024;
const NEWLINE = 10;

const headSchema = z.strictObject({
  thimbleBackup: z.literal(BACKUP_VERSION),
  createdAt: z.string(),
});
const itemSchema = z.strictObject({
  kind: z.string(),
  name: z.string(),
  metadata: z.record(z.string(), z.string()),
});
const pieceSchema = z.strictObject({ base64: z.string() });
const endSchema = z.strictObject({ items: z.number().int(), sha256: z.string() });

/** What an item is, and where its pieces lie in the file. */
export interface BackupItem extends z.output<typeof itemSchema> {
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
}

export class BackupWriter {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #nItem = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws {EngineError} E_USAGE for a file that exists: a backup is never written over */
  static async create(path: string): Promise<BackupWriter> {
    const file = await open(path, 'wx').catch((cause: unknown) => {
      throw new EngineError(
        'E_USAGE',
        `backup: ${path} exists, or cannot be written. Name another file.`,
        {
          cause,
        },
      );
    });
    const writer = new BackupWriter(file);
    await writer.#line({ thimbleBackup: BACKUP_VERSION, createdAt: new Date().toISOString() });
    return writer;
  }

  async item(
    about: z.output<typeof itemSchema>,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#line(about);
    this.#nItem++;
    let held = new Uint8Array(0);
    for await (const chunk of content) {
      held = joined(held, chunk);
      let at = 0;
      for (; held.length - at >= PIECE_BYTES; at += PIECE_BYTES)
        await this.#piece(held.subarray(at, at + PIECE_BYTES));
      held = held.slice(at);
    }
    if (held.length > 0) await this.#piece(held);
  }

  /** @returns number of items */
  async finish(): Promise<number> {
    const end = { items: this.#nItem, sha256: this.#hash.copy().digest('hex') };
    await this.#file.write(`${JSON.stringify(end)}\n`);
    await this.#file.sync();
    await this.#file.close();
    return this.#nItem;
  }

  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #piece(bytes: Uint8Array): Promise<void> {
    await this.#line({ base64: toBase64(bytes) });
  }

  async #line(value: object): Promise<void> {
    const line = `${JSON.stringify(value)}\n`;
    this.#hash.update(line);
    await this.#file.write(line);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/**
 * Reads a whole backup and checks it. @returns its items, without their content
 * @throws {EngineError} E_USAGE for a file that is no backup, is damaged, or was cut off
 */
export async function checkBackup(path: string, file: FileHandle): Promise<BackupItem[]> {
  const hash = createHash('sha256');
  const items: BackupItem[] = [];
  let last: z.output<typeof endSchema> | null = null;
  let isFirst = true;
  for await (const { text, start, end } of readLines(path, file)) {
    if (last !== null) throw damaged(path, 'goes on after its last line');
    const json = parseLine(path, text);
    const isEnd = !isFirst && endSchema.safeParse(json).success;
    if (isEnd) last = endSchema.parse(json);
    else hash.update(`${text}\n`);
    if (isFirst && !headSchema.safeParse(json).success) throw noBackup(path);
    if (!isFirst && !isEnd) noteLine(path, items, json, start, end);
    isFirst = false;
  }
  if (last === null) throw damaged(path, 'was cut off: its last line is missing');
  if (last.sha256 !== hash.digest('hex')) throw damaged(path, 'its SHA-256 is another');
  if (last.items !== items.length)
    throw damaged(path, `has ${items.length} of ${last.items} items`);
  return items;
}

function noteLine(
  path: string,
  items: BackupItem[],
  json: unknown,
  start: number,
  end: number,
): void {
  const piece = pieceSchema.safeParse(json);
  const item = items.at(-1);
  if (piece.success && item !== undefined) {
    const bytes = item.bytes + bytesOf(path, piece.data.base64).length;
    items[items.length - 1] = { ...item, bytes, end };
    return;
  }
  const about = itemSchema.safeParse(json);
  if (!about.success) throw damaged(path, `byte ${start} is no item`);
  items.push({ ...about.data, bytes: 0, start: end, end });
}

/** The content of an item. */
export async function* readContent(
  path: string,
  file: FileHandle,
  { start, end }: BackupItem,
): AsyncGenerator<Uint8Array> {
  for await (const { text } of readLines(path, file, start, end)) {
    const piece = pieceSchema.safeParse(parseLine(path, text));
    if (!piece.success) throw damaged(path, 'changed while it was read');
    yield bytesOf(path, piece.data.base64);
  }
}

function bytesOf(path: string, base64: string): Uint8Array {
  const bytes = fromBase64(base64);
  if (bytes === null) throw damaged(path, 'a piece is not base64');
  return bytes;
}

interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Lines between two places, of which the last must end. */
async function* readLines(
  path: string,
  file: FileHandle,
  from = 0,
  to = Infinity,
): AsyncGenerator<Line> {
  let held = new Uint8Array(0);
  let start = from;
  for (let at = from; at < to;) {
    const buffer = new Uint8Array(Math.min(READ_BYTES, to - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    held = joined(held, buffer.subarray(0, bytesRead));
    let begin = 0;
    for (let stop = held.indexOf(NEWLINE); stop >= 0; stop = held.indexOf(NEWLINE, begin)) {
      const text = new TextDecoder().decode(held.subarray(begin, stop));
      yield { text, start: start + begin, end: start + stop + 1 };
      begin = stop + 1;
    }
    held = held.slice(begin);
    start += begin;
    if (held.length > MAX_LINE_BYTES)
      throw damaged(path, `has a line of over ${MAX_LINE_BYTES} bytes`);
  }
  if (held.length > 0) throw damaged(path, 'was cut off within a line');
}

function parseLine(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, 'has a line that is not JSON');
  }
}

function noBackup(path: string): EngineError {
  return new EngineError(
    'E_USAGE',
    `restore: ${path} is not a backup of version ${BACKUP_VERSION}. Expected a file of thimble backup.`,
  );
}

function damaged(path: string, what: string): EngineError {
  return new EngineError(
    'E_USAGE',
    `restore: ${path} is damaged: it ${what}. Nothing was written. Use another backup.`,
  );
}
