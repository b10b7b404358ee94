/** Where a model's bytes come from. Implemented over R2 (worker), files (scripts), HTTP ranges (browser). */
import type { WeightedManifest } from '../../manifest/manifest.ts';

export interface ModelSource<M extends WeightedManifest = WeightedManifest> {
  readonly manifest: M;
  /**
   * Reads shard `index` whole, from its first byte to its last, into `into` (exactly the shard's bytes).
   * @throws {EngineError} E_WEIGHTS_FETCH when bytes are missing or cannot be read.
   */
  readShard(index: number, into: Uint8Array): Promise<void>;
}
