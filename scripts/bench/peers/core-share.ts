/**
 * Who used the measured core: a process with everything it started, no one, or other programs. Read from
 * Linux's /proc (proc(5)); elsewhere it is unknown.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds since an arbitrary start. */
export interface CoreTimes {
  readonly wallMs: number;
  /** Time of the process and all its descendants, on any core. */
  readonly ownMs: number;
  readonly idleMs: number;
}

/** USER_HZ, the unit of times in /proc: 100 on every Linux that Node runs on. */
const TICK_MS = 10;
/** Times in /proc step by ticks, of each process: shorter spans say nothing. */
const MIN_SPAN_MS = 300;
/** Fields of a process's stat after its name, which may contain spaces: state is the first. */
const PARENT_FIELD = 1;
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;
/** Fields of a core's line: user, nice, system, idle, iowait. */
const IDLE_FIELDS = [4, 5];

/** Null where it cannot be determined. `root` is `/proc` except in tests. */
export function readCoreTimes(core: number, pid: number, root = '/proc'): CoreTimes | null {
  try {
    const line = readFileSync(join(root, 'stat'), 'utf8')
      .split('\n')
      .find((text) => text.startsWith(`cpu${core} `));
    const fields = line?.split(' ').map(Number) ?? [];
    const idle = IDLE_FIELDS.reduce((sum, i) => sum + (fields[i] ?? Number.NaN), 0);
    const own = treeTicks(pid, root);
    if (!Number.isFinite(idle) || own === null) return null;
    return { wallMs: performance.now(), ownMs: own * TICK_MS, idleMs: idle * TICK_MS };
  } catch {
    return null;
  }
}

/** Share, 0 to 1, of the core's time that went to other programs; null when it cannot be determined. */
export function othersShare(before: CoreTimes | null, after: CoreTimes | null): number | null {
  if (before === null || after === null) return null;
  const wallMs = after.wallMs - before.wallMs;
  if (wallMs < MIN_SPAN_MS) return null;
  const oursMs = after.ownMs - before.ownMs + after.idleMs - before.idleMs;
  return Math.min(1, Math.max(0, 1 - oursMs / wallMs));
}

/** Ticks that `pid` and its descendants have run; null when there is no such process. */
function treeTicks(pid: number, root: string): number | null {
  const processes = new Map<number, { readonly parent: number; readonly ticks: number }>();
  for (const name of readdirSync(root).filter((entry) => /^\d+$/.test(entry))) {
    const fields = readStat(join(root, name, 'stat'));
    if (fields === null) continue;
    const ticks = Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD]);
    processes.set(Number(name), { parent: Number(fields[PARENT_FIELD]), ticks });
  }
  if (!processes.has(pid)) return null;
  const tree = new Set([pid]);
  // A set that grows while it is iterated: children of children are added as well.
  for (const parent of tree)
    for (const [child, row] of processes) if (row.parent === parent) tree.add(child);
  return [...tree].reduce((sum, id) => sum + (processes.get(id)?.ticks ?? 0), 0);
}

function readStat(path: string): string[] | null {
  try {
    const text = readFileSync(path, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It ended meanwhile.
    return null;
  }
}
