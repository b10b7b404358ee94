/** `thimble deploy`: every script to Cloudflare, in the right order, bucket first. */
import process from 'node:process';
import type { Command } from 'commander';
import { deploy } from '../deploy/deploy.ts';
import { MAX_SCRIPT_BYTES, PLANS } from '../deploy/limits.ts';
import type { DeployedAccess, DeployResult } from '../deploy/deploy.ts';
import { DEFAULT_ISOLATES } from '../../engine/placement/changes.ts';
import { collectAddress, collectOrigin, parseIsolates } from '../lib/arguments.ts';
import { formatBytes } from '../lib/progress.ts';
import { describePool } from '../push/describe-placement.ts';

interface DeployFlags {
  readonly dryRun?: boolean;
  readonly model?: string;
  readonly isolates?: number | 'auto';
  readonly plan: keyof typeof PLANS;
  readonly json?: boolean;
  readonly public?: boolean;
  readonly origin?: readonly string[];
  readonly mcp?: readonly string[];
  readonly imagesFrom?: readonly string[];
}

const EXAMPLES = `
Examples:
  thimble deploy --dry-run                       (needs no account)
  thimble deploy --dry-run --isolates auto --model qwen2.5-coder-0.5b-instruct
  npx wrangler login && thimble deploy --model smollm2-135m-instruct
  thimble deploy --isolates 12                   (a larger pool; what lies in it stays)
`;

export function register(program: Command): void {
  program
    .command('deploy')
    .summary('put the service on Cloudflare')
    .description(
      'Builds, checks sizes against the platform, creates the bucket when it is missing, pushes the ' +
        'model, and deploys the stages of the pool from the last to the first, then the other scripts, then ' +
        'the gateway that is bound to them. A model that does not fit the pool is refused before anything is written.',
    )
    .option(
      '--dry-run',
      'do everything that needs no account: build, let wrangler check, print sizes',
    )
    .option('-m, --model <id>', 'push this imported model into the bucket, and make it the default')
    .option(
      '--isolates <n>',
      `stage scripts of the pool, or auto for as many as the models need (default: as they are, at first ${DEFAULT_ISOLATES})`,
      parseIsolates,
    )
    .option(
      '--plan <plan>',
      `the plan whose limits are enforced: ${Object.keys(PLANS).join(' or ')}`,
      'paid',
    )
    .option('--public', 'answer everyone, without keys')
    .option(
      '--origin <origin>',
      'let web pages of this origin ask, such as https://example.org; may be repeated, * for all',
      collectOrigin,
    )
    .option(
      '--mcp <url>',
      'let responses ask this MCP server, and paths below its own; may be repeated',
      collectAddress,
    )
    .option(
      '--images-from <url>',
      'fetch pictures of requests from this address, and paths below it; may be repeated',
      collectAddress,
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DeployFlags) => {
      const result = await deploy({
        dryRun: flags.dryRun === true,
        plan: flags.plan,
        isPublic: flags.public === true,
        ...(flags.origin === undefined ? {} : { origins: flags.origin }),
        ...(flags.mcp === undefined ? {} : { mcpServers: flags.mcp }),
        ...(flags.imagesFrom === undefined ? {} : { imageServers: flags.imagesFrom }),
        ...(flags.model === undefined ? {} : { model: flags.model }),
        ...(flags.isolates === undefined ? {} : { nIsolate: flags.isolates }),
      });
      process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : describe(result));
    });
}

function describe(result: DeployResult): string {
  const { sizes, scripts, placement, unused, dryRun, urls } = result;
  const rows = sizes.map(
    ({ name, bytes, gzipBytes, files }) =>
      `${name.padEnd(10)}${formatBytes(bytes).padStart(10)} raw ${formatBytes(gzipBytes).padStart(10)} gzip  (${files.map((f) => `${f.file} ${formatBytes(f.bytes)}`).join(', ')})`,
  );
  const mebibytes = (bytes: number) => `${bytes / 1024 ** 2} MiB`;
  const limits = `limits    ${mebibytes(PLANS.free.gzipBytes)} gzip on the free plan, ${mebibytes(PLANS.paid.gzipBytes)} on the paid one, ${mebibytes(MAX_SCRIPT_BYTES)} raw`;
  const width = Math.max(...scripts.map(({ scriptName }) => scriptName.length));
  const gzipOf = (bundle: string) => sizes.find(({ name }) => name === bundle)!.gzipBytes;
  const bound = scripts.map(
    ({ scriptName, bundle, bindings }) =>
      `  ${scriptName.padEnd(width)}  ${formatBytes(gzipOf(bundle)).padStart(8)} gzip  ${bindings.join(', ')}`,
  );
  const end = dryRun
    ? 'dry run: nothing was deployed'
    : `deployed${urls.length === 0 ? '' : `: ${urls.join(', ')}`}`;
  const old =
    unused.length === 0
      ? []
      : [
          'no longer used:',
          ...[...unused].reverse().map((name) => `  npx wrangler delete --name ${name}`),
        ];
  return [
    ...[...rows, limits, 'scripts, in the order of deployment:', ...bound],
    `pool of ${placement.nIsolate} isolates${placement.defaultModel === null ? '' : `, default model ${placement.defaultModel}`}:`,
    ...[...describePool(placement), ...old, ...describeAccess(result), end, ''],
  ].join('\n');
}

function describeAccess({ access, dryRun }: DeployResult): string[] {
  return [...WHO_MAY_ASK[access.mode](access, dryRun), ...describeOrigins(access)];
}

const WHO_MAY_ASK: Readonly<
  Record<DeployedAccess['mode'], (access: DeployedAccess, dryRun: boolean) => string[]>
> = {
  public: () => [
    'access    PUBLIC: everyone may ask, without a key; only the caps of the deployment hold',
  ],
  keys: ({ nKey }, dryRun) =>
    nKey !== null && nKey > 0
      ? [`access    callers with a key; ${nKey} are in force`]
      : [
          `access    callers with a key, and there is none${dryRun ? ' in a new account' : ' yet'}: it answers everyone with 503 until one exists`,
          '          thimble keys create --remote --name NAME     (or: thimble deploy --public)',
        ],
};

function describeOrigins({ origins }: DeployedAccess): string[] {
  return origins.length === 0 ? [] : [`origins   web pages of ${origins.join(', ')} may ask`];
}
