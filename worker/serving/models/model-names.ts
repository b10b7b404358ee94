/** From what a request calls a model to a version of it and its place: defaults, aliases, canaries. */
import { splitName } from '../../../engine/manifest/adapters.ts';
import { findPlaced } from '../../../engine/manifest/placement.ts';
import type { PlacedModel, Placement } from '../../../engine/manifest/placement.ts';
import { readPlacement } from '../../platform/placement-file.ts';
import type { ServingEnv } from '../env.ts';

/** A model that is named, by itself or with an adapter, and where it lies; `placed` is null for one that nobody placed. */
export interface NamedModel {
  readonly id: string;
  /** The adapter that was named with it; null for the model as it is. */
  readonly adapter: string | null;
  readonly placed: PlacedModel | null;
  /** Whether stages compute at the same time. */
  readonly overlap: boolean;
}

/** A model as nobody placed it: in a process of its own, say. */
export function unplaced(id: string): NamedModel {
  return { id, adapter: null, placed: null, overlap: false };
}

/** Id of the text model of requests that name none. */
export async function defaultModelId(
  env: Pick<ServingEnv, 'MODELS' | 'DEFAULT_MODEL'>,
): Promise<string> {
  return (await readPlacement(env.MODELS))?.defaultModel ?? env.DEFAULT_MODEL;
}

/** @throws {EngineError} E_PLACEMENT_INVALID for a record that contradicts itself. */
export async function resolveModel(bucket: R2Bucket, name: string): Promise<NamedModel> {
  const { base, adapter } = splitName(name);
  const placement = await readPlacement(bucket);
  if (placement === null) return { ...unplaced(base), adapter };
  const id = idOf(placement, base);
  const version = versionOf(placement, id);
  const placed = version === null ? undefined : findPlaced(placement, id, version);
  return { id, adapter, placed: placed ?? null, overlap: placement.overlap };
}

function idOf({ aliases }: Placement, name: string): string {
  return Object.hasOwn(aliases, name) ? aliases[name]! : name;
}

/** The version that answers this request; of a canary, by chance. */
function versionOf({ serving }: Placement, id: string): string | null {
  const now = Object.hasOwn(serving, id) ? serving[id]! : null;
  if (now === null) return null;
  const { version, canary } = now;
  return canary !== null && Math.random() * 100 < canary.percent ? canary.version : version;
}
