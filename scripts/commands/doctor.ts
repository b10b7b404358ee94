/** `thimble doctor`: checks for everything that the other commands need, and says how to get it. */
import process from 'node:process';
import type { Command } from 'commander';
import { CHECKS } from './doctor-checks.ts';
import type { CheckResult } from './doctor-checks.ts';
import { serverAddress } from '../lib/ask-server.ts';
import { ACCOUNT_CHECKS } from './account-checks.ts';
import { REMOTE_CHECKS } from './remote-checks.ts';

interface DoctorFlags {
  readonly json?: boolean;
  readonly port: string;
  /** True without an address: the account is checked. */
  readonly remote?: string | true;
}

const EXAMPLES = `
Examples:
  thimble doctor
  thimble doctor --remote https://thimble-gateway.example.workers.dev
  thimble doctor --remote                        (the account: bucket, keys, watermark, cap)
  thimble doctor --json | jq '.checks[] | select(.status != "ok")'

The exit code is 0 when nothing failed; a warning does not count as a failure.
`;

export function register(program: Command): void {
  program
    .command('doctor')
    .summary('check this machine and say what to do')
    .description('Checks versions, packages, disk, ports, kernels, models and workerd.')
    .option('--port <port>', 'the port to check', '8787')
    .option('--remote [url]', 'check a deployment by its address, or without one its account')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runDoctor);
}

/** A row that needs nothing more. */
interface ReadyCheck {
  readonly name: string;
  readonly run: () => Promise<CheckResult>;
}

function chooseChecks({ remote, port }: DoctorFlags): readonly ReadyCheck[] {
  if (remote === true) return ACCOUNT_CHECKS;
  if (remote === undefined)
    return CHECKS.map(({ name, run }) => ({ name, run: () => run({ port: Number(port) }) }));
  const { origin } = serverAddress(remote, '/', 'doctor');
  return REMOTE_CHECKS.map(({ name, run }) => ({ name, run: () => run(origin) }));
}

async function runDoctor(flags: DoctorFlags): Promise<void> {
  const checks: (CheckResult & { name: string })[] = [];
  for (const { name, run } of chooseChecks(flags)) {
    const result = await run().catch((error: unknown): CheckResult => ({
      status: 'fail',
      found: error instanceof Error ? error.message : String(error),
      fix: 'This check itself failed; THIMBLE_DEBUG=1 thimble doctor shows more.',
    }));
    checks.push({ name, ...result });
    if (flags.json !== true) process.stdout.write(describe(name, result));
  }
  const ok = checks.every(({ status }) => status !== 'fail');
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ ok, checks })}\n`);
  else process.stdout.write(ok ? 'everything that is needed is here\n' : 'something is missing\n');
  if (!ok) process.exitCode = 1;
}

function describe(name: string, { status, found, fix }: CheckResult): string {
  const line = `${status.padEnd(5)} ${name.padEnd(14)} ${found}\n`;
  return fix === null ? line : `${line}${' '.repeat(21)}-> ${fix}\n`;
}
