/**
 * Progress of a long step: on a terminal one line that is rewritten, elsewhere plain lines now and
 * then. Writes to standard error, so that standard output stays free for results.
 * Knows nothing of what is being done: counts come in, a line goes out.
 */
import process from 'node:process';

/** Work done so far; `total` is null while it is unknown. */
export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: ProgressUnit;
  /** What is being worked on (a file, a source). */
  readonly note?: string;
}
export type ProgressUnit = 'bytes' | 'items';
export type OnProgress = (progress: Progress) => void;

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TTY_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 2_000;
/** The rate is taken over this much of the recent past, so that it follows the line. */
const RATE_WINDOW_MS = 5_000;

/** One step's line. Call `update` as often as you like, then `finish` or `fail` once. */
export class ProgressLine {
  readonly #label: string;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #samples: { atMs: number; done: number }[] = [];
  #lastWriteMs: number;
  #drawn = false;

  constructor(
    label: string,
    stream: ProgressStream = process.stderr,
    now: () => number = () => performance.now(),
  ) {
    this.#label = label;
    this.#stream = stream;
    this.#now = now;
    this.#lastWriteMs = stream.isTTY ? Number.NEGATIVE_INFINITY : now();
  }

  readonly update: OnProgress = (progress) => {
    const nowMs = this.#now();
    this.#sample(nowMs, progress.done);
    const intervalMs = this.#stream.isTTY ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS;
    if (nowMs - this.#lastWriteMs < intervalMs) return;
    this.#lastWriteMs = nowMs;
    this.#write(describeProgress(progress, this.#ratePerSecond()), false);
  };

  finish(text: string): void {
    this.#write(text, true);
  }

  /** Leaves the half-drawn line so that an error starts on a line of its own. */
  fail(): void {
    if (this.#drawn) this.#stream.write('\n');
    this.#drawn = false;
  }

  #sample(atMs: number, done: number): void {
    const last = this.#samples.at(-1);
    // A restart (a source that ignored the resumed range) must not show as a negative rate.
    if (last !== undefined && done < last.done) this.#samples.length = 0;
    if (last !== undefined && atMs - last.atMs < TTY_INTERVAL_MS / 2) return;
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > RATE_WINDOW_MS) {
      this.#samples.shift();
    }
  }

  #ratePerSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
  }

  #write(text: string, end: boolean): void {
    const line = `${this.#label}${text}`;
    if (!this.#stream.isTTY) {
      this.#stream.write(`${line}\n`);
      return;
    }
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    this.#stream.write(`\r\x1b[2K${end ? line : line.slice(0, width)}${end ? '\n' : ''}`);
    this.#drawn = !end;
  }
}

/** `12.3 MB of 98.4 MB (12 %), 8.1 MB/s, 11 s left`, with the parts that are known. */
export function describeProgress(progress: Progress, ratePerSecond: number | null): string {
  const { done, total, unit, note } = progress;
  const show = (n: number) => (unit === 'bytes' ? formatBytes(n) : String(Math.round(n)));
  const parts: string[] = [];
  if (total === null || total <= 0) parts.push(show(done));
  else parts.push(`${show(done)} of ${show(total)} (${Math.floor((100 * done) / total)} %)`);
  if (ratePerSecond !== null && ratePerSecond > 0) {
    parts.push(
      unit === 'bytes' ? `${formatBytes(ratePerSecond)}/s` : `${ratePerSecond.toFixed(1)}/s`,
    );
    if (total !== null && total > done) {
      parts.push(`${formatSeconds((total - done) / ratePerSecond)} left`);
    }
  }
  if (note !== undefined && note !== '') parts.push(note);
  return parts.join(', ');
}

/** Decimal units, as file sizes and network rates are given: `98.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
