/** Gives a target its inputs, one after the other, and notes what must not happen. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { Random } from './random.ts';

/** Longest time that an input may take. */
export const MAX_INPUT_MS = 1000;
const MAX_FINDINGS = 20;

export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly what: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly worstMs: number;
  readonly findings: readonly Finding[];
}

/** @param onInput told before each input, for whoever watches over this thread */
export async function runFuzz(
  target: FuzzTarget,
  { seed, from, to }: { readonly seed: number; readonly from: number; readonly to: number },
  onInput: (index: number) => void = () => undefined,
): Promise<FuzzReport> {
  const findings: Finding[] = [];
  let [accepted, refused, worstMs] = [0, 0, 0];
  const note = (index: number, what: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push({ target: target.name, seed, index, what });
  };
  for (let index = from; index < to; index++) {
    onInput(index);
    const startedAt = performance.now();
    try {
      await target.run(new Random(seed, index));
      accepted++;
    } catch (error) {
      if (isCoded(error)) refused++;
      else note(index, describe(error));
    }
    const ms = performance.now() - startedAt;
    worstMs = Math.max(worstMs, ms);
    if (ms > MAX_INPUT_MS) note(index, `took ${Math.round(ms)} ms`);
  }
  return {
    target: target.name,
    inputs: to - from,
    accepted,
    refused,
    worstMs: Math.round(worstMs),
    findings,
  };
}

function isCoded(error: unknown): boolean {
  return error instanceof EngineError && error.code !== 'E_INTERNAL';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, 300);
  const [, ...stack] = (error.stack ?? '').split('\n');
  const cause = error.cause instanceof Error ? ` (cause: ${error.cause.message})` : '';
  return `${error.name}: ${error.message}${cause} ${stack.slice(0, 3).join(' ')}`.slice(0, 600);
}
