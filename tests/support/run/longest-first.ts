/** Which test files begin first: the long ones, so that the workers end together. */
import { readFileSync } from 'node:fs';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** By times of the last run where there was one, else files that say `@module-tag slow` before others. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isKnown = (file: TestSpecification) =>
      this.ctx.cache.getTestSpecificationResult(file) !== undefined;
    if (sorted.every(isKnown)) return sorted;
    const slow = new Set(sorted.filter((file) => isSlow(readFileSync(file.moduleId, 'utf8'))));
    return [...slow, ...sorted.filter((file) => !slow.has(file))];
  }
}

function isSlow(text: string): boolean {
  return /^ \* @module-tag slow$/m.test(text);
}
