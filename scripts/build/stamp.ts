/**
 * Remembers what a build step read and wrote, by content, so that a second build does nothing.
 * A step is up to date when every input and every output still has the bytes it had.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The files a step read and those it wrote. */
export interface Built {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface Stamp {
  /** What is not a file but changes the result: versions, flags. */
  readonly settings: string;
  /** Path relative to the root -> SHA-256. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

export function isUpToDate(stampPath: string, root: string, settings: string): boolean {
  const stamp = readStamp(stampPath);
  if (stamp === null || stamp.settings !== settings) return false;
  return Object.entries({ ...stamp.inputs, ...stamp.outputs }).every(
    ([path, hash]) => hashOrNull(join(root, path)) === hash,
  );
}

export function writeStamp(
  stampPath: string,
  root: string,
  settings: string,
  inputs: readonly string[],
  outputs: readonly string[],
): void {
  const rows = (paths: readonly string[]) =>
    Object.fromEntries(
      paths.map((path) => [relative(root, path), hashOrNull(path) ?? 'missing'] as const).sort(),
    );
  const stamp: Stamp = { settings, inputs: rows(inputs), outputs: rows(outputs) };
  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, `${JSON.stringify(stamp, null, 1)}\n`);
}

function readStamp(stampPath: string): Stamp | null {
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8')) as Stamp;
  } catch {
    return null;
  }
}

function hashOrNull(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return null;
  }
}
