/**
 * The configurations that are deployed, written into dist/deploy/ from the wrangler.toml files: one for each
 * stage of the pool, bound to the stages after it, and the gateway's, bound to all of them.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { bindingsTo, stageScriptName } from '../build/pool.ts';
import { WORKERS } from '../build/workers.ts';
import type { WorkerRow } from '../build/workers.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import { withoutBindings } from './without-scripts.ts';

export interface ScriptConfig {
  /** Its bundle: `stage`, `gateway`. */
  readonly bundle: string;
  readonly scriptName: string;
  /** Text of its wrangler.toml, with paths as seen from dist/deploy/. */
  readonly toml: string;
  /** `STAGE_1 -> thimble-stage-1` for each binding to an object, a service or a bucket. */
  readonly bindings: readonly string[];
}

export interface ConfigOptions {
  readonly nIsolate: number;
  /** Whether scripts that are too large for the free plan are left out, with the bindings to them. */
  readonly isFree?: boolean;
  /** Variables of the gateway that differ from its wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
}

const DEPLOY_DIR = join(distDir, 'deploy');
const NAME = /^name = "([^"]+)"$/m;
const PATHS = /^(main|base_dir) = "([^"]+)"$/gm;
const BINDINGS = /\[\[(?:durable_objects\.bindings|services|r2_buckets)\]\]\n((?:[^\n[]+\n?)*)/g;

/** In the order in which they are deployed: no script is bound to one that comes after it. */
export function scriptConfigs({
  nIsolate,
  isFree = false,
  vars = {},
}: ConfigOptions): ScriptConfig[] {
  const isAbsent = ({ isPaidOnly = false }: WorkerRow) => isFree && isPaidOnly;
  const absent = WORKERS.filter(isAbsent).map((row) => nameOf(readToml(row)));
  const first = nameOf(readToml(WORKERS.find(({ name }) => name === 'stage')!));
  return WORKERS.filter((row) => !isAbsent(row)).flatMap((row) => {
    const own = row.name === 'gateway' ? vars : {};
    const toml = withVars(fromDeployDir(row, withoutBindings(readToml(row), absent)), own);
    const config = (isolate: number | null): ScriptConfig => {
      const scriptName = isolate === null ? nameOf(toml) : stageScriptName(first, isolate);
      const bound = isolate === null ? boundStages(row, nIsolate) : [isolate + 1, nIsolate];
      const named = toml.replace(NAME, `name = "${scriptName}"`);
      const text = named + stageTables(first, bound[0]!, bound[1]!);
      return { bundle: row.name, scriptName, toml: text, bindings: listBindings(text) };
    };
    if (row.name !== 'stage') return [config(null)];
    return Array.from({ length: nIsolate }, (_, i) => config(nIsolate - 1 - i));
  });
}

/** Writes them; their paths relative to the repository, in the same order. */
export function writeConfigs(configs: readonly ScriptConfig[]): string[] {
  mkdirSync(DEPLOY_DIR, { recursive: true });
  return configs.map(({ scriptName, toml }) => {
    const path = join(DEPLOY_DIR, `${scriptName}.toml`);
    // Never half a file: another run may be reading it.
    writeFileSync(`${path}.${process.pid}.part`, toml);
    renameSync(`${path}.${process.pid}.part`, path);
    return relative(repoRoot, path);
  });
}

/** @throws {Error} for a variable that the file does not have */
function withVars(toml: string, vars: Readonly<Record<string, string>>): string {
  return Object.entries(vars).reduce((text, [name, value]) => {
    const line = new RegExp(`^${name} = "[^"]*"$`, 'm');
    if (!line.test(text)) throw new Error(`wrangler.toml: has no variable ${name}`);
    return text.replace(line, () => `${name} = ${JSON.stringify(value)}`);
  }, toml);
}

/** The gateway's own file binds the first stage. */
function boundStages({ name }: WorkerRow, nIsolate: number): [from: number, to: number] {
  return name === 'gateway' ? [1, nIsolate] : [0, 0];
}

function readToml({ config }: WorkerRow): string {
  return readFileSync(join(repoRoot, config), 'utf8');
}

function nameOf(toml: string): string {
  return NAME.exec(toml)![1]!;
}

function fromDeployDir({ config }: WorkerRow, toml: string): string {
  const home = dirname(join(repoRoot, config));
  return toml.replaceAll(
    PATHS,
    (_, key: string, path: string) => `${key} = "${relative(DEPLOY_DIR, join(home, path))}"`,
  );
}

/** Tables at the end of a file: arrays of tables may go on anywhere. */
function stageTables(first: string, from: number, to: number): string {
  const tables = bindingsTo(first, from, to).map(
    ([name, { className, scriptName = '' }]) =>
      `\n[[durable_objects.bindings]]\nname = "${name}"\nclass_name = "${className}"\nscript_name = "${scriptName}"\n`,
  );
  return tables.join('');
}

function listBindings(toml: string): string[] {
  return [...toml.matchAll(BINDINGS)].map(([, body = '']) => {
    const value = (...keys: string[]) =>
      keys.map((key) => new RegExp(`^${key} = "([^"]+)"`, 'm').exec(body)?.[1]).find(Boolean);
    const target = value('script_name', 'service', 'bucket_name') ?? 'its own';
    return `${value('name', 'binding') ?? ''} -> ${target}`;
  });
}
