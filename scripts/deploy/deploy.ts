/**
 * A deployment: build, sizes, login and bucket checked, model pushed, scripts in the order of their
 * bindings. A dry run does everything that needs no account.
 */
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { WORKERS } from '../build/workers.ts';
import type { WorkerRow } from '../build/workers.ts';
import { buildStep, modelsBucketName } from '../dev/prepare.ts';
import { failureReason } from '../lib/exec.ts';
import { distDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { pushModel } from '../push/push.ts';
import { openRemoteBucket } from '../push/remote-bucket.ts';
import { brokenLimits, measureBundle, PLANS } from './limits.ts';
import type { BundleSize } from './limits.ts';
import { writeConfigWithout } from './without-scripts.ts';
import { runWrangler } from '../lib/wrangler.ts';

export interface DeployOptions {
  readonly dryRun: boolean;
  readonly plan: keyof typeof PLANS;
  readonly model?: string;
}

export interface DeployResult {
  readonly dryRun: boolean;
  readonly sizes: readonly BundleSize[];
  /** Addresses of the scripts, as wrangler printed them. */
  readonly urls: readonly string[];
}

/** @throws {EngineError} E_MEMORY_BUDGET over a limit, E_BACKEND_UNAVAILABLE with wrangler's reason. */
export async function deploy(options: DeployOptions): Promise<DeployResult> {
  if (!(options.plan in PLANS)) {
    throw new EngineError(
      'E_USAGE',
      `deploy: --plan; expected ${Object.keys(PLANS).join(' or ')}.`,
    );
  }
  await buildStep();
  const isDeployed = ({ isPaidOnly = false }: WorkerRow) => options.plan !== 'free' || !isPaidOnly;
  const absent = WORKERS.filter((row) => !isDeployed(row)).map(({ name }) => `thimble-${name}`);
  const workers = WORKERS.filter(isDeployed);
  const sizes = workers.map(({ name }) => measureBundle(name, join(distDir, name)));
  const broken = sizes.flatMap((size) => brokenLimits(size, options.plan));
  if (broken.length > 0) {
    throw new EngineError('E_MEMORY_BUDGET', `deploy: too large. ${broken.join('. ')}.`, {
      details: { sizes },
    });
  }
  if (!options.dryRun) await prepareAccount(options.model);
  const urls: string[] = [];
  for (const { name, config } of workers) {
    const isBound = name === 'gateway' && absent.length > 0;
    const used = isBound ? writeConfigWithout(config, absent) : config;
    urls.push(...(await deployScript(name, used, options.dryRun)));
  }
  return { dryRun: options.dryRun, sizes, urls };
}

/** Login, bucket, model: what the scripts need before they are deployed. */
async function prepareAccount(model: string | undefined): Promise<void> {
  await runStep('account', async () => {
    const who = await runWrangler(['whoami']);
    if (who.code !== 0 || /not authenticated/i.test(who.stdout)) {
      throw new EngineError(
        'E_USAGE',
        'deploy: wrangler is not logged in. Run: npx wrangler login (or set CLOUDFLARE_API_TOKEN)',
      );
    }
    return { text: 'logged in', value: null };
  });
  const bucket = await runStep('bucket', async () => {
    const name = modelsBucketName();
    return { text: `${name} exists`, value: await openRemoteBucket(name, true) };
  });
  try {
    if (model === undefined) return;
    await runStep('push', async ({ onProgress }) => {
      const { totalBytes } = await pushModel(model, { bucket, onProgress });
      return { text: `${model}: ${formatBytes(totalBytes)} in ${bucket.label}`, value: null };
    });
  } finally {
    await bucket.close();
  }
}

async function deployScript(name: string, config: string, dryRun: boolean): Promise<string[]> {
  return await runStep(name, async ({ note }) => {
    const result = await runWrangler(
      ['deploy', '--config', config, ...(dryRun ? ['--dry-run'] : [])],
      (line) => {
        if (!dryRun && line.trim() !== '') note(line);
      },
    );
    if (result.code !== 0) {
      throw new EngineError(
        'E_BACKEND_UNAVAILABLE',
        `deploy: wrangler refused ${config}: ${failureReason(result)}`,
        { details: { config, exitCode: result.code } },
      );
    }
    const value = result.stdout.match(/https:\/\/\S+\.workers\.dev\S*/g) ?? [];
    return { text: dryRun ? 'wrangler accepts it (dry run)' : 'deployed', value: [...value] };
  });
}
