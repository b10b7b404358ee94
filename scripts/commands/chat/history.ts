/** Lines that were typed in chats, for the arrow keys of later ones. They are private: only the user may read them. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataDir } from '../../lib/paths.ts';

export const MAX_HISTORY_LINES = 1000;

export function historyPath(): string {
  return join(dataDir(), 'chat-history');
}

/** The newest first, as node:readline wants them. */
export function readHistory(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(-MAX_HISTORY_LINES)
      .reverse();
  } catch {
    return [];
  }
}

/** @param lines the newest first */
export function writeHistory(path: string, lines: readonly string[]): void {
  const text = lines
    .slice(0, MAX_HISTORY_LINES)
    .toReversed()
    .map((line) => `${line.replaceAll(/[\r\n]/g, ' ')}\n`)
    .join('');
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) chmodSync(path, 0o600);
    writeFileSync(path, text, { mode: 0o600 });
  } catch {
    // A chat goes on without its history.
  }
}
