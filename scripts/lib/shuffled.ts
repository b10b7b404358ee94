/** The same items in an order that a seed decides (Fisher and Yates). */
import type { SeededRandom } from './seeded-random.ts';

export function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
