/** docs/errors.md, the table of codes and the code that raises them must tell the same story. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  EngineError,
  ERROR_ROWS,
  errorFromRecord,
  errorToRecord,
} from '../../engine/base/errors.ts';
import type { ErrorParty } from '../../engine/base/errors.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';

const PARTIES: Record<ErrorParty, string> = {
  caller: 'caller',
  modelFile: 'model file',
  config: 'configuration',
  system: 'system',
  us: 'us',
};

/** Code to the cells behind it. */
async function documentedRows(): Promise<Map<string, string[]>> {
  const text = await readFile(join(repoRoot, 'docs/errors.md'), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('| `E_'));
  return new Map(
    lines.map((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      return [cells[1]!.replaceAll('`', ''), cells.slice(2, -1)];
    }),
  );
}

/** Codes that stand in quotes anywhere but in the table and in tests. */
async function raisedCodes(): Promise<Set<string>> {
  const raised = new Set<string>();
  for await (const file of glob('{engine,worker,scripts}/**/*.ts', { cwd: repoRoot })) {
    if (file.endsWith('.test.ts') || file.endsWith('base/errors.ts')) continue;
    const text = await readFile(join(repoRoot, file), 'utf8');
    for (const [, code] of text.matchAll(/'(E_[A-Z_]+)'/g)) raised.add(code!);
  }
  return raised;
}

it('lists every code once, in order, with the numbers of the table', async () => {
  const documented = await documentedRows();
  expect([...documented.keys()]).toEqual(Object.keys(ERROR_ROWS));
  for (const [code, row] of Object.entries(ERROR_ROWS)) {
    const retry = row.retryable ? 'yes' : 'no';
    expect([code, ...documented.get(code)!.slice(0, 4)]).toEqual([
      code,
      PARTIES[row.party],
      String(row.httpStatus),
      retry,
      `\`${row.type}\``,
    ]);
  }
});

it('says what to do for every code, and which are not raised', async () => {
  const raised = await raisedCodes();
  for (const [code, cells] of await documentedRows()) {
    const advice = cells[4] ?? '';
    expect(advice, code).toMatch(/^[A-Z].{15,}\.$/);
    expect(advice.startsWith('Not raised'), code).toBe(!raised.has(code));
  }
});

it('has statuses that HTTP clients treat as the table means', () => {
  for (const [code, { party, httpStatus, retryable }] of Object.entries(ERROR_ROWS)) {
    // Clients give up on 4xx and may try 5xx again.
    expect(httpStatus >= 400 && httpStatus < 600, code).toBe(true);
    if (party === 'caller') expect(httpStatus, code).toBeLessThan(500);
    if (retryable) expect(httpStatus, code).toBeGreaterThanOrEqual(500);
  }
});

it('crosses isolates as plain data and comes back whole', () => {
  const error = new EngineError('E_TENSOR_SHAPE', 'a: b; expected 1, got 2', {
    param: 'messages[2]',
    details: { expected: [1], got: [2] },
  });
  const record: unknown = JSON.parse(JSON.stringify(errorToRecord(error)));
  const back = errorFromRecord(record as ReturnType<typeof errorToRecord>);
  expect(back).toEqual(error);
  expect(back.row).toBe(ERROR_ROWS.E_TENSOR_SHAPE);
  expect(errorToRecord(new TypeError('boom'))).toEqual({
    code: 'E_INTERNAL',
    message: 'internal error: boom',
    param: null,
    details: {},
  });
});
