/** Files, uploaded and deleted, small ones and such of several parts: whole, once, or not there. */
import { createHash } from 'node:crypto';
import { fileForm } from '../../lib/key-client.ts';
import { isRefusal, readSurely, wasMade } from '../writer.ts';
import type { Writer, WriterContext } from '../writer.ts';

interface FileNotes {
  /** Null while it is not known. */
  id: string | null;
  readonly name: string;
  readonly hash: string;
  readonly bytes: number;
  deleted: 'no' | 'perhaps' | 'yes';
  isFresh: boolean;
}

interface FileJson {
  readonly id: string;
  readonly filename: string;
  readonly bytes: number;
}

/** More than a part of an upload. */
const LARGE_CHARS = 6_000_000;
const LARGE_PART = 0.03;
const DELETED_PART = 0.5;
const PAGE = 100;
/** Pages of a whole list. */
const MAX_PAGES = 200;

export class FileWriter implements Writer {
  readonly name = 'files';
  nAcknowledged = 0;
  readonly #context: WriterContext;
  readonly #files: FileNotes[] = [];

  constructor(context: WriterContext) {
    this.#context = context;
  }

  /** Bytes of the files that were not deleted. */
  get keptBytes(): number {
    const kept = this.#files.filter(({ id, deleted }) => id !== null && deleted === 'no');
    return kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async write(): Promise<void> {
    const { random } = this.#context;
    const found = this.#files.find(({ id, deleted }) => id !== null && deleted === 'no');
    if (found !== undefined && random.chance(DELETED_PART)) await this.#delete(found);
    else await this.#upload();
  }

  async check(all: boolean): Promise<string[]> {
    const listed = await this.#list(all ? MAX_PAGES : 1);
    const problems: string[] = [];
    for (const file of this.#files) {
      if (!all && !file.isFresh) continue;
      const there = listed.filter(({ filename }) => filename === file.name);
      if (there.length > 1) problems.push(`file ${file.name}: is there ${there.length} times`);
      // An upload without an answer may have been made.
      file.id ??= there[0]?.id ?? null;
      problems.push(...(await this.#checkContent(file)));
      file.isFresh = false;
    }
    return problems;
  }

  async #upload(): Promise<void> {
    const { client, random, number } = this.#context;
    const name = `chaos-${number}-${this.#files.length}.jsonl`;
    const size = random.chance(LARGE_PART) ? LARGE_CHARS : random.integer(1, 4000);
    const content = `${random.word()}\n`.repeat(Math.ceil(size / 11));
    const hash = hashOf(content);
    const bytes = content.length;
    const file: FileNotes = { id: null, name, hash, bytes, deleted: 'no', isFresh: true };
    this.#files.push(file);
    const answer = await client.ask('/v1/files', fileForm(name, content));
    if (!wasMade(answer, 'file')) return;
    file.id = (JSON.parse(answer.text) as FileJson).id;
    this.nAcknowledged++;
  }

  async #delete(file: FileNotes): Promise<void> {
    file.isFresh = true;
    file.deleted = 'perhaps';
    const answer = await this.#context.client.ask(`/v1/files/${file.id}`, undefined, 'DELETE');
    if (isRefusal(answer)) file.deleted = 'no';
    else if (wasMade(answer, 'deletion of a file')) {
      file.deleted = 'yes';
      this.nAcknowledged++;
    }
  }

  async #checkContent(file: FileNotes): Promise<string[]> {
    const { id, name, hash } = file;
    if (id === null) return [];
    const { status, text } = await readSurely(this.#context.client, `/v1/files/${id}/content`);
    if (status === 404) {
      if (file.deleted === 'perhaps') file.deleted = 'yes';
      return file.deleted === 'no' ? [`file ${name}: is lost`] : [];
    }
    if (status !== 200) return [`file ${name}: answers ${status}`];
    if (file.deleted === 'yes') return [`file ${name}: is there after it was deleted`];
    file.deleted = 'no';
    return hashOf(text) === hash ? [] : [`file ${name}: has other content than was sent`];
  }

  async #list(maxPages: number): Promise<FileJson[]> {
    const files: FileJson[] = [];
    let after = '';
    for (let page = 0; page < maxPages; page++) {
      const path = `/v1/files?limit=${PAGE}&order=desc${after}`;
      const { status, text } = await readSurely(this.#context.client, path);
      if (status !== 200) throw new Error(`list of files: answers ${status} ${text.slice(0, 200)}`);
      const { data, has_more } = JSON.parse(text) as { data: FileJson[]; has_more: boolean };
      files.push(...data);
      after = `&after=${data.at(-1)?.id ?? ''}`;
      if (!has_more) break;
    }
    return files;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
