/** Examples of all sources by their shares, the same for a seed and a step: a training goes on as if never cut. */
import { EngineError } from '../../../engine/base/errors.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { fillPass, type Packed } from './pack.ts';
import type { OpenedSources } from './sources/index.ts';

export interface MixtureStep {
  readonly seed: number;
  readonly step: number;
  readonly nRow: number;
}

/** @throws {EngineError} E_USAGE without any source */
export function mixtureBatch(
  sources: OpenedSources['sources'],
  { seed, step, nRow }: MixtureStep,
): Packed {
  if (sources.length === 0)
    throw new EngineError(
      'E_USAGE',
      'sources: none has a share. Give one of them a share above 0.',
    );
  const random = new SeededRandom(
    Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b),
  );
  const total = sources.reduce((sum, { share }) => sum + share, 0);
  return fillPass(() => {
    let left = random.next() * total;
    const found = sources.find(({ share }) => (left -= share) < 0) ?? sources.at(-1)!;
    return found.source.example(random, step);
  }, nRow);
}
