/** Runs one attack under watch, and says what it did to the others. */
import process from 'node:process';
import type { Attack } from './attack.ts';
import type { Outcome } from './outcome.ts';
import type { HealthWatch } from './health.ts';
import type { Target } from './target.ts';

export interface AttackResult {
  readonly name: string;
  /** Longest wait for /healthz while it ran. */
  readonly worstMs: number;
  /** Longest wait in the quiet time before it: what the machine does by itself. */
  readonly quietMs: number;
  readonly seconds: number;
  /** Questions of /healthz that were not answered with 200. */
  readonly nFailed: number;
  /** Answers of its requests without a code of ours, or with E_INTERNAL. */
  readonly nUncoded: number;
  /** `200` or `400 E_REQUEST_INVALID`, and how often. */
  readonly answers: Readonly<Record<string, number>>;
}

const QUIET_MS = 300;

export async function runAttack(
  attack: Attack,
  target: Target,
  watch: HealthWatch,
): Promise<AttackResult> {
  await watch.report();
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const quiet = await watch.report();
  const startedAt = performance.now();
  const outcomes = await attack.run(target);
  const seconds = (performance.now() - startedAt) / 1000;
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const { worstMs, nFailed } = await watch.report();
  const result = {
    name: attack.name,
    worstMs: Math.round(worstMs),
    quietMs: Math.round(quiet.worstMs),
    seconds: Math.round(seconds * 100) / 100,
    nFailed,
    nUncoded: outcomes.filter(isUncoded).length,
    answers: count(outcomes),
  };
  const answers = Object.entries(result.answers).map(([text, n]) =>
    n === 1 ? text : `${n} x ${text}`,
  );
  const line = `${attack.name.padEnd(26)} ${String(result.worstMs).padStart(6)} ms  ${answers.join(', ')}`;
  process.stdout.write(
    `${line}  (${result.seconds} s, quiet ${result.quietMs} ms${nFailed > 0 ? `, ${nFailed} FAILED` : ''})\n`,
  );
  return result;
}

function isUncoded({ status, code }: Outcome): boolean {
  return code === 'uncoded' || code === 'E_INTERNAL' || (status === 0 && code !== 'AbortError');
}

function count(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of outcomes) {
    const text = code === null ? String(status) : `${status} ${code}`;
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}
