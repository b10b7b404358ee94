/** Files of rows for tests of `thimble data`, and what its commands write of them. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rewriteRows } from '../../scripts/data/rewrite.ts';
import type { Operation } from '../../scripts/data/rewrite.ts';

export const ABOUT = {
  ...{ name: 'A test', description: 'Rows.', licence: 'MIT', url: 'https://example.org' },
  ...{ creator: 'Nobody', date: '2026-01-02' },
};

export const inputOf = (files: readonly string[], signal = new AbortController().signal) => ({
  ...{ files, format: null, separator: '\n', field: null, signal },
});

export async function rowsOf(out: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(out, 'rows.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A temporary folder of such files; `close` deletes it. */
export async function openRowFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'thimble-rewrite-'));
  let nOut = 0;
  const newOut = () => join(folder, `out-${nOut++}`);
  const put = async (name: string, rows: readonly unknown[]): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    return path;
  };
  const rewrite = async (
    path: string,
    operation: Operation,
    out = newOut(),
    signal?: AbortSignal,
  ) => {
    const input = inputOf([path], signal);
    const result = await rewriteRows({ input, isStrict: false, out, about: ABOUT, operation });
    return { result, rows: await rowsOf(out), out };
  };
  const close = () => rm(folder, { recursive: true, force: true });
  return { folder, newOut, put, rewrite, close };
}
