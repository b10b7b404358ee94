/**
 * The configurations that are deployed, written into dist/deploy/ from the wrangler.toml files: one for each
 * stage of the pool, bound to the stages after it, and the gateway's, bound to all of them.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import process from 'node:process';
import { bindingsTo, stageScriptName } from '../build/pool.ts';
import { bundleDir, workerRows } from '../build/workers.ts';
import type { WorkerRow } from '../build/workers.ts';
import { repoRoot, workDir } from '../lib/paths.ts';
import { wranglerDir } from '../lib/wrangler.ts';
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

const NAME = /^name = "([^"]+)"$/m;
const MAIN = /^main = "[^"]+"$/m;
const BUNDLE = /^(no_bundle|find_additional_modules|base_dir) = .*\n/gm;
const BINDINGS = /\[\[(?:durable_objects\.bindings|services|r2_buckets)\]\]\n((?:[^\n[]+\n?)*)/g;

/** In the order in which they are deployed: no script is bound to one that comes after it. */
export function scriptConfigs({
  nIsolate,
  isFree = false,
  vars = {},
}: ConfigOptions): ScriptConfig[] {
  const isAbsent = ({ isPaidOnly = false }: WorkerRow) => isFree && isPaidOnly;
  const rows = workerRows();
  const absent = rows.filter(isAbsent).map((row) => nameOf(readToml(row)));
  const first = nameOf(readToml(rows.find(({ name }) => name === 'stage')!));
  return rows
    .filter((row) => !isAbsent(row))
    .flatMap((row) => {
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

/** Writes them; their paths as wrangler takes them, in the same order. */
export function writeConfigs(configs: readonly ScriptConfig[]): string[] {
  const folder = deployDir();
  mkdirSync(folder, { recursive: true });
  return configs.map(({ scriptName, toml }) => {
    const path = join(folder, `${scriptName}.toml`);
    // Never half a file: another run may be reading it.
    writeFileSync(`${path}.${process.pid}.part`, toml);
    renameSync(`${path}.${process.pid}.part`, path);
    return relative(wranglerDir(), path);
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
  return readFileSync(resolve(repoRoot, config), 'utf8');
}

function nameOf(toml: string): string {
  return NAME.exec(toml)![1]!;
}

function deployDir(): string {
  return join(workDir(), 'deploy');
}

/** The file of a script with its bundle in place of what it was built from, which only a project's file names. */
function fromDeployDir({ name }: WorkerRow, toml: string): string {
  const folder = relative(deployDir(), bundleDir(name));
  const bundle = [
    `main = "${join(folder, 'index.js')}"`,
    'no_bundle = true',
    'find_additional_modules = true',
    `base_dir = "${folder}"`,
  ].join('\n');
  return toml.replaceAll(BUNDLE, '').replace(MAIN, () => bundle);
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
