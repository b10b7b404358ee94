/**
 * The pool of stages: several scripts of one bundle, each an isolate of its own. worker/stage/wrangler.toml
 * is the first of them; the others are the same under other names, and each is bound to those after
 * it, so that they can be deployed from the last to the first.
 */
import { stageBinding } from '../../worker/stage/bindings.ts';
import type { WorkerConfig } from './workers.ts';

interface ObjectBinding {
  readonly className: string;
  readonly scriptName?: string;
}
type ObjectBindings = Readonly<Record<string, ObjectBinding>>;

/** Name of the script of an isolate; the first has the name in its wrangler.toml. */
export function stageScriptName(first: string, isolate: number): string {
  return isolate === 0 ? first : `${first}-${isolate}`;
}

/** Bindings to the stages [from, to). */
export function bindingsTo(first: string, from: number, to: number): [string, ObjectBinding][] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => [
    stageBinding(from + i),
    { className: 'Stage', scriptName: stageScriptName(first, from + i) },
  ]);
}

/** The scripts of a server with `nIsolate` stages, with miniflare's options. */
export function withPool(configs: readonly WorkerConfig[], nIsolate: number): WorkerConfig[] {
  const first = configs.find(({ name }) => name === 'stage')!.scriptName;
  return configs.flatMap((config) => {
    if (config.name === 'gateway') return [withObjects(config, bindingsTo(first, 0, nIsolate))];
    if (config.name !== 'stage') return [config];
    return Array.from({ length: nIsolate }, (_, i) => ({
      ...withObjects(config, bindingsTo(first, i + 1, nIsolate)),
      scriptName: stageScriptName(first, i),
    }));
  });
}

function withObjects(
  config: WorkerConfig,
  bindings: readonly (readonly [string, ObjectBinding])[],
): WorkerConfig {
  const durableObjects = {
    ...(config.options['durableObjects'] as ObjectBindings),
    ...Object.fromEntries(bindings),
  };
  return { ...config, options: { ...config.options, durableObjects } };
}
