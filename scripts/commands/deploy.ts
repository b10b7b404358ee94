/** `thimble deploy`: every script to Cloudflare, in the right order, bucket first. */
import process from 'node:process';
import type { Command } from 'commander';
import { deploy } from '../deploy/deploy.ts';
import type { DeployResult } from '../deploy/deploy.ts';
import { MAX_SCRIPT_BYTES, PLANS } from '../deploy/limits.ts';
import { formatBytes } from '../lib/progress.ts';

interface DeployFlags {
  readonly dryRun?: boolean;
  readonly model?: string;
  readonly plan: keyof typeof PLANS;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  thimble deploy --dry-run                       (needs no account)
  npx wrangler login && thimble deploy --model smollm2-135m-instruct
`;

export function register(program: Command): void {
  program
    .command('deploy')
    .summary('put the service on Cloudflare')
    .description(
      'Builds, checks sizes against the platform, creates the bucket when it is missing, pushes the ' +
        'model, and deploys the stage before the gateway that is bound to it.',
    )
    .option(
      '--dry-run',
      'do everything that needs no account: build, let wrangler check, print sizes',
    )
    .option('--model <id>', 'also push this imported model into the bucket')
    .option(
      '--plan <plan>',
      `the plan whose limits are enforced: ${Object.keys(PLANS).join(' or ')}`,
      'paid',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DeployFlags) => {
      const result = await deploy({
        dryRun: flags.dryRun === true,
        plan: flags.plan,
        ...(flags.model === undefined ? {} : { model: flags.model }),
      });
      process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : describe(result));
    });
}

function describe({ sizes, dryRun, urls }: DeployResult): string {
  const rows = sizes.map(
    ({ name, bytes, gzipBytes, files }) =>
      `${name.padEnd(10)}${formatBytes(bytes).padStart(10)} raw ${formatBytes(gzipBytes).padStart(10)} gzip  (${files.map((f) => `${f.file} ${formatBytes(f.bytes)}`).join(', ')})`,
  );
  const mebibytes = (bytes: number) => `${bytes / 1024 ** 2} MiB`;
  const limits = `limits    ${mebibytes(PLANS.free.gzipBytes)} gzip on the free plan, ${mebibytes(PLANS.paid.gzipBytes)} on the paid one, ${mebibytes(MAX_SCRIPT_BYTES)} raw`;
  const end = dryRun
    ? 'dry run: nothing was deployed'
    : `deployed${urls.length === 0 ? '' : `: ${urls.join(', ')}`}`;
  return [...rows, limits, end, ''].join('\n');
}
