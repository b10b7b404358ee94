/**
 * `npm test`, after the packages: builds, pulls the files of the models that are tested, then runs format, lint,
 * types and vitest. The last line is `N passed, N failed`. Arguments are passed to vitest; with arguments
 * the checks are left out.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { errorToRecord } from '../../engine/base/errors.ts';
import { onInterrupt } from '../lib/interrupt.ts';
import { repoRoot } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runMain } from '../lib/run-command.ts';
import { runStep } from '../lib/step.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { pullModel } from '../pull/pull.ts';
import { buildStep } from '../dev/prepare.ts';

/** Models whose files are read by the tests of real models. */
const TEST_MODEL_IDS: readonly string[] = [
  DEFAULT_MODEL_ID,
  'whisper-tiny.en',
  'all-minilm-l6-v2',
  'silero-vad',
  'piper-en-us-joe',
  'pico-en-us',
  'open-nsfw',
  'pp-ocr-v4',
];

const CHECKS: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  {
    name: 'format',
    args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  },
  { name: 'lint', args: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  ...['tsconfig.json', 'web/tsconfig.json'].map((project) => ({
    name: 'types',
    args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', project],
  })),
];

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The part of vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  await buildStep();
  await pullForTests();
  const checks = args.length === 0 ? await runChecks() : { passed: 0, failed: 0 };
  const tests = await runVitest(args);
  const passed = checks.passed + tests.passed;
  const failed = checks.failed + tests.failed;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
}

/** Without a file the tests that need it say so; the others still run. */
async function pullForTests(): Promise<void> {
  for (const id of TEST_MODEL_IDS) {
    try {
      await runStep('pull', async ({ onProgress, note }) => {
        const onSource = (source: string, failure: string | null) =>
          note(failure === null ? `trying ${source}` : `  failed: ${failure}`);
        const { bytes } = await pullModel(id, { onProgress, onSource });
        return { text: `${id}: ${formatBytes(bytes)} in the cache`, value: null };
      });
    } catch (error) {
      process.stderr.write(`${errorToRecord(error).message}\n`);
    }
  }
}

async function runChecks(): Promise<Counts> {
  let failed = 0;
  for (const { name, args } of CHECKS) {
    const ok = await runStep(name, async () => {
      const code = await runNode(args);
      return { text: code === 0 ? 'ok' : 'FAILED (the reason is above)', value: code === 0 };
    });
    if (!ok) failed++;
  }
  return { passed: CHECKS.length - failed, failed };
}

async function runVitest(args: readonly string[]): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'thimble-test-'));
  const reportPath = join(dir, 'report.json');
  const drop = () => rmSync(dir, { recursive: true, force: true });
  const forget = onInterrupt(drop);
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
    const code = await runNode(['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args]);
    return countTests(reportPath, code);
  } finally {
    forget();
    drop();
  }
}

function countTests(reportPath: string, code: number): Counts {
  if (!existsSync(reportPath)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(reportPath, 'utf8')) as VitestReport;
  // A file that could not even be loaded has no tests to count.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  if (report.numPendingTests > 0) process.stdout.write(`${report.numPendingTests} skipped\n`);
  const failed = report.numFailedTests + brokenFiles;
  // An error outside of any test (an unhandled rejection) fails the run as well.
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

function runNode(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: repoRoot, stdio: 'inherit' });
    const forget = onInterrupt(() => void child.kill('SIGINT'));
    child.on('error', () => resolve(1));
    child.on('close', (code) => {
      forget();
      resolve(code ?? 1);
    });
  });
}

await runMain(main);
