/**
 * A deployment: build, sizes, login and bucket checked, model pushed, stages of the pool from the last to the
 * first, then the other scripts; the record of what lies where before the gateway, which reads it. A dry run
 * does everything that needs no account.
 */
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { DEFAULT_BUDGET_BYTES } from '../../engine/placement/assign.ts';
import { DEFAULT_ISOLATES, emptyPlacement } from '../../engine/placement/changes.ts';
import { isPlaced } from '../../engine/placement/needs.ts';
import { isInForce } from '../../worker/access/key-record.ts';
import type { KeyRecord } from '../../worker/access/key-record.ts';
import { bundleDir } from '../build/workers.ts';
import { buildStep, modelsBucketName } from '../dev/prepare.ts';
import { newWatermarkRecord, WATERMARK_RECORD_KEY } from '../../worker/platform/watermark-key.ts';
import { failureReason } from '../lib/exec.ts';
import { hashBytes } from '../lib/hash-file.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { runWrangler } from '../lib/wrangler.ts';
import type { Bucket } from '../push/bucket.ts';
import { listKeys } from '../push/keys.ts';
import { changePlacement, readPlacement, versionOf } from '../push/place.ts';
import { fillPool, readStored } from '../push/pool.ts';
import type { AnyStored, PoolRequest, StoredModel } from '../push/pool.ts';
import { pushModel, readImported } from '../push/push.ts';
import { openRemoteBucket } from '../push/remote-bucket.ts';
import { withDeployLock } from './deploy-lock.ts';
import { brokenLimits, measureBundle, PLANS } from './limits.ts';
import type { BundleSize } from './limits.ts';
import { scriptConfigs, writeConfigs } from './script-configs.ts';
import type { ScriptConfig } from './script-configs.ts';

export interface DeployOptions {
  readonly dryRun: boolean;
  readonly plan: keyof typeof PLANS;
  /** Pushed, placed, and of a text model the default. */
  readonly model?: string;
  /** Stages of the pool; as they are by default. */
  readonly nIsolate?: number | 'auto';
  /** Whether everyone may ask, without a key. */
  readonly isPublic?: boolean;
  /** Origins of web pages that may ask. */
  readonly origins?: readonly string[];
  /** Addresses of MCP servers that responses may ask. */
  readonly mcpServers?: readonly string[];
  /** Addresses that pictures of requests may be fetched from. */
  readonly imageServers?: readonly string[];
}

/** Who may ask a deployment. */
export interface DeployedAccess {
  readonly mode: 'keys' | 'public';
  readonly origins: readonly string[];
  /** Keys that are in force; null where the deployment asks for none. */
  readonly nKey: number | null;
}

export interface DeployResult {
  readonly dryRun: boolean;
  readonly sizes: readonly BundleSize[];
  /** Scripts in the order in which they are deployed. */
  readonly scripts: readonly Pick<ScriptConfig, 'bundle' | 'scriptName' | 'bindings'>[];
  readonly placement: Placement;
  /** Scripts of a larger pool before, which nothing is bound to any more. */
  readonly unused: readonly string[];
  /** Who may ask. */
  readonly access: DeployedAccess;
  /** Addresses of the scripts, as wrangler printed them. */
  readonly urls: readonly string[];
}

/**
 * @throws {EngineError} E_MODEL_NOT_FOUND for a model that is not imported; E_MEMORY_BUDGET over a limit, or
 * for a model that the pool does not hold; E_BUSY while another deployment runs; E_BACKEND_UNAVAILABLE with
 * wrangler's reason.
 */
export async function deploy(options: DeployOptions): Promise<DeployResult> {
  if (!(options.plan in PLANS)) {
    throw new EngineError(
      'E_USAGE',
      `deploy: --plan; expected ${Object.keys(PLANS).join(' or ')}.`,
    );
  }
  const model = options.model === undefined ? null : await readModel(options.model);
  await buildStep();
  const isFree = options.plan === 'free';
  const bundles = new Set(scriptConfigs({ nIsolate: 1, isFree }).map(({ bundle }) => bundle));
  const sizes = [...bundles].map((name) => measureBundle(name, bundleDir(name)));
  const broken = sizes.flatMap((size) => brokenLimits(size, options.plan));
  if (broken.length > 0) {
    throw new EngineError('E_MEMORY_BUDGET', `deploy: too large. ${broken.join('. ')}.`, {
      details: { sizes },
    });
  }
  const done = options.dryRun ? await rehearse(model, options) : await deployAll(model, options);
  return { dryRun: options.dryRun, sizes, ...done };
}

/** An imported model. @throws {EngineError} E_MODEL_NOT_FOUND */
export async function readModel(id: string, modelsRoot = modelsDir()): Promise<AnyStored> {
  const { manifest, text } = await readImported(join(modelsRoot, id), id);
  return { manifest, version: versionOf(text) };
}

type Done = Pick<DeployResult, 'scripts' | 'placement' | 'unused' | 'urls' | 'access'>;

/** What would be deployed, into an account that has nothing yet. */
async function rehearse(model: AnyStored | null, options: DeployOptions): Promise<Done> {
  const before = emptyPlacement({ overlap: true });
  const placement = fillPool(before, storedOf(model, []), poolRequest(before, model, options));
  const scripts = scriptConfigs({
    nIsolate: placement.nIsolate,
    isFree: options.plan === 'free',
    vars: deployedVars(options),
  });
  const paths = writeConfigs(scripts);
  const last = scripts.findLastIndex(({ bundle }) => bundle === 'stage');
  for (const [i, { bundle, scriptName }] of scripts.entries())
    // Stages differ in their name and bindings: the one with most of them and the one with none will do.
    if (bundle !== 'stage' || i === 0 || i === last)
      await deployScript(scriptName, paths[i]!, true);
  return { scripts, placement, unused: [], urls: [], access: accessOf(options, []) };
}

async function deployAll(model: AnyStored | null, options: DeployOptions): Promise<Done> {
  await requireLogin();
  const bucket = await runStep('bucket', async () => {
    const name = modelsBucketName();
    return { text: `${name} exists`, value: await openRemoteBucket(name, true) };
  });
  try {
    const runScript = (name: string, config: string) => deployScript(name, config, false);
    return await deployTo({ bucket, runScript }, model, options);
  } finally {
    await bucket.close();
  }
}

/** An account, as far as a deployment changes it. */
export interface DeployTarget {
  readonly bucket: Bucket;
  /** Deploys a script; the addresses that it got. */
  readonly runScript: (scriptName: string, config: string) => Promise<readonly string[]>;
  /** Instead of the user's models folder. */
  readonly modelsRoot?: string;
}

/** @throws {EngineError} as `deploy` */
export async function deployTo(
  target: DeployTarget,
  model: AnyStored | null,
  options: Omit<DeployOptions, 'dryRun' | 'model'>,
): Promise<Done> {
  return await withDeployLock(target.bucket, () => deployInto(target, model, options));
}

async function deployInto(
  { bucket, runScript, modelsRoot }: DeployTarget,
  model: AnyStored | null,
  options: Omit<DeployOptions, 'dryRun' | 'model'>,
): Promise<Done> {
  const before = await readPlacement(bucket);
  const stored = storedOf(model, await readStored(bucket, before));
  // Refuses what does not fit before anything is written.
  const { nIsolate } = fillPool(before, stored, poolRequest(before, model, options));
  if (model !== null) await pushInto(bucket, model.manifest.id, modelsRoot);
  const scripts = scriptConfigs({
    nIsolate,
    isFree: options.plan === 'free',
    vars: deployedVars(options),
  });
  await makeWatermarkKey(bucket);
  const paths = writeConfigs(scripts);
  const urls: string[] = [];
  let placement = before;
  for (const [i, { bundle, scriptName }] of scripts.entries()) {
    if (bundle === 'gateway')
      placement = await changePlacement(bucket, (now) =>
        fillPool(now, stored, { ...poolRequest(now, model, options), nIsolate }),
      );
    urls.push(...(await runScript(scriptName, paths[i]!)));
  }
  const after = new Set(scripts.map(({ scriptName }) => scriptName));
  const old = scriptConfigs({ nIsolate: before.nIsolate }).filter(
    ({ bundle }) => bundle === 'stage',
  );
  const unused = old.map(({ scriptName }) => scriptName).filter((name) => !after.has(name));
  const access = accessOf(options, options.isPublic === true ? [] : await listKeys(bucket));
  return { scripts, placement, unused: before.revision === 0 ? [] : unused, urls, access };
}

type AccessOptions = Pick<DeployOptions, 'isPublic' | 'origins'>;

function accessVars({ isPublic = false, origins = [] }: AccessOptions): Record<string, string> {
  return { ACCESS: isPublic ? 'public' : 'keys', ALLOWED_ORIGINS: origins.join() };
}

function accessOf(
  { isPublic = false, origins = [] }: AccessOptions,
  keys: readonly KeyRecord[],
): DeployedAccess {
  if (isPublic) return { mode: 'public', origins, nKey: null };
  return { mode: 'keys', origins, nKey: keys.filter((key) => isInForce(key, Date.now())).length };
}

function poolRequest(
  before: Placement,
  model: AnyStored | null,
  { nIsolate }: Pick<DeployOptions, 'nIsolate'>,
): PoolRequest {
  const isText = model?.manifest.kind === 'decoder';
  return {
    nIsolate: nIsolate ?? (before.revision === 0 ? DEFAULT_ISOLATES : before.nIsolate),
    budgetBytes: DEFAULT_BUDGET_BYTES,
    // Every isolate has a core of its own there.
    overlap: true,
    ...(isText ? { defaultModel: model.manifest.id } : {}),
    required: new Map(model === null ? [] : [[model.manifest.id, {}]]),
    isPush: true,
    onLeftOut: (_, error) => {
      throw error;
    },
  };
}

/** The model to be deployed comes before what the bucket has, its own earlier version included. */
function storedOf(model: AnyStored | null, stored: readonly StoredModel[]): StoredModel[] {
  if (model === null || !isPlaced(model.manifest)) return [...stored];
  const { manifest, version } = model;
  const others = stored.filter(
    (other) => other.manifest.id !== manifest.id || other.version !== version,
  );
  return [{ manifest, version }, ...others];
}

async function requireLogin(): Promise<void> {
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
}

async function pushInto(bucket: Bucket, id: string, modelsRoot?: string): Promise<void> {
  await runStep('push', async ({ onProgress }) => {
    const from = modelsRoot === undefined ? {} : { modelsRoot };
    const { totalBytes } = await pushModel(id, { bucket, onProgress, ...from });
    return { text: `${id}: ${formatBytes(totalBytes)} in ${bucket.label}`, value: null };
  });
}

function deployedVars(options: Omit<DeployOptions, 'dryRun' | 'model'>): Record<string, string> {
  const { mcpServers = [], imageServers = [] } = options;
  return {
    ...accessVars(options),
    ...{ MCP_SERVERS: mcpServers.join(), IMAGE_SERVERS: imageServers.join() },
  };
}

/** Once a deployment: texts that carry it are known by it later. */
async function makeWatermarkKey(bucket: Bucket): Promise<void> {
  await runStep('watermark', async () => {
    const there = await bucket.getText(WATERMARK_RECORD_KEY);
    if (there !== null) return { text: 'its key stays', value: null };
    const bytes = new TextEncoder().encode(newWatermarkRecord());
    // Nobody else writes it: the lock of deployments is held.
    await bucket.put(WATERMARK_RECORD_KEY, bytes, hashBytes(bytes));
    return { text: 'new key', value: null };
  });
}

async function deployScript(
  scriptName: string,
  config: string,
  dryRun: boolean,
): Promise<string[]> {
  return await runStep(scriptName.replace(/^thimble-/, ''), async ({ note }) => {
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
