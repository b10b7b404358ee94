/** Whether a pool of isolates holds a model that was imported, and what to do where it does not. */
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { isolatesByDefault } from '../../engine/placement/assign.ts';
import { DEFAULT_ISOLATES } from '../../engine/placement/changes.ts';
import { isPlaced } from '../../engine/placement/needs.ts';

/** What a model of weights needs of a pool. */
export interface PoolNeed {
  /** Isolates of 128 MB; null when no number of them holds it. */
  readonly isolates: number | null;
  /** What to do about a model that the pool as it is by default does not hold. */
  readonly warning: string | null;
}

/** Null for models that run beside the pool. */
export function poolNeed(manifest: Manifest): PoolNeed | null {
  if (!isPlaced(manifest)) return null;
  const isolates = isolatesByDefault(manifest);
  const { id } = manifest;
  if (isolates === null)
    return {
      isolates,
      warning: `${id} is imported, but fits no pool of isolates of 128 MB and cannot be deployed. Serve it on a machine of your own (\`thimble dev --memory 2GB\`), or choose smaller types with --fit`,
    };
  if (isolates <= DEFAULT_ISOLATES) return { isolates, warning: null };
  return {
    isolates,
    warning: `${id} is imported, but needs ${isolates} isolates; a pool has ${DEFAULT_ISOLATES} unless more are asked for: \`thimble dev --isolates auto\`, \`thimble deploy --isolates auto --model ${id}\`, or --memory 2GB on a machine of your own`,
  };
}
