/** What a decoder sees and hears, as rows that enter its first layer in place of tokens' embeddings. */
import { EngineError } from '../../base/errors.ts';
import { projectorSize, type SenseName } from '../../manifest/modalities.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { CHUNK_TOKENS } from './plan.ts';
import type { Workspace } from './workspace.ts';

export class Projectors {
  readonly #space: Workspace;
  readonly #weights: WeightMap;

  constructor(space: Workspace, weights: WeightMap) {
    this.#space = space;
    this.#weights = weights;
  }

  /**
   * Each vector through the map of its sense, plus the row of its place. Uses memory of a pass: called between passes.
   * @param values [n, nIn] of a whole segment @returns [n, nEmbd]
   * @throws {EngineError} E_REQUEST_INVALID for a sense that the model lacks, and for too many vectors or broken ones
   */
  project(sense: SenseName, values: Float32Array): Float32Array {
    const { config, memory, kernels, ops, hidden, stride, normed } = this.#space;
    const size = projectorSize(config.modalities, sense);
    if (size === null) throw invalid(`this model has no projector for ${sense}`, 'text alone');
    const { nIn, nPosition } = size;
    const n = values.length / nIn;
    if (!Number.isInteger(n) || n < 1 || n > nPosition)
      throw invalid(`${values.length} values of ${sense}`, `1 to ${nPosition} vectors of ${nIn}`);
    const map = this.#weights.get(`${sense}Map`)!;
    const places = this.#weights.get(`${sense}Places`)!;
    const x = {
      address: this.#space.at('senseRows'),
      stride: rowStride(nIn),
      panels: this.#space.at('sensePanels'),
    };
    const out = new Float32Array(n * config.nEmbd);
    ops.adapted = null;
    for (let first = 0; first < n; first += CHUNK_TOKENS) {
      const nRow = Math.min(CHUNK_TOKENS, n - first);
      const rows = new Float32Array(memory.buffer, x.address, nRow * x.stride).fill(0);
      for (let i = 0; i < nRow; i++)
        rows.set(values.subarray((first + i) * nIn, (first + i + 1) * nIn), i * x.stride);
      ops.quantize(x, nRow, map);
      ops.matmul(map, x, nRow, hidden, stride);
      for (let i = 0; i < nRow; i++) {
        const to = hidden + i * stride * 4;
        ops.row(places, first + i, normed.address);
        kernels.addScaled(to, normed.address, 1, stride);
        out.set(new Float32Array(memory.buffer, to, config.nEmbd), (first + i) * config.nEmbd);
      }
    }
    return out;
  }
}

function invalid(got: string, expected: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `prompt: ${got}; expected ${expected}.`, {
    param: 'prompt',
  });
}
