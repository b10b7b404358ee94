/**
 * Mixed precision under a budget: which type each group of tensors gets, so that the model fits and
 * the predicted loss is least. Pure: what a choice costs and whether a set of choices fits are parameters.
 *
 * Losses of groups add up (arXiv 2411.17525, theorem 1: to first order, and errors of different
 * matrices are independent), so the least sum under a budget of bytes is found by taking, again and
 * again, the step down that costs least for each byte it frees. Steps are those of each group's lower
 * convex hull: a choice above it is never worth its bytes.
 */
import type { WeightDtype } from '../../../engine/base/dtypes.ts';

export interface FitChoice {
  /** Types of the group's members, in their order. */
  readonly dtypes: readonly WeightDtype[];
  readonly bytes: number;
  /** Predicted rise of the mean loss, in nats a token. */
  readonly lossNats: number;
}
export interface FitGroup {
  readonly name: string;
  /** Our names of the tensors that always get a type together. */
  readonly members: readonly string[];
  /** At least one. */
  readonly choices: readonly FitChoice[];
}
export interface FittedGroup {
  readonly group: FitGroup;
  readonly choice: FitChoice;
}

/** Choices worth their bytes, the largest first: each further one frees bytes at a higher price. */
export function lowerHull(choices: readonly FitChoice[]): FitChoice[] {
  const sorted = [...choices].sort((a, b) => b.bytes - a.bytes || a.lossNats - b.lossNats);
  const best = sorted.reduce((a, b) => (b.lossNats <= a.lossNats ? b : a));
  const hull: FitChoice[] = [best];
  for (const choice of sorted) {
    if (choice.bytes >= hull.at(-1).bytes) continue;
    while (hull.length > 1 && price(hull.at(-2), hull.at(-1)) >= price(hull.at(-2), choice))
      hull.pop();
    hull.push(choice);
  }
  return hull;
}

/** Nats for each byte freed by going from one choice down to another. */
function price(from: FitChoice, to: FitChoice): number {
  return (to.lossNats - from.lossNats) / (from.bytes - to.bytes);
}

/**
 * The choices of least predicted loss for which `fits` holds; null when not even the smallest do.
 * @param fits must hold for every set of choices that is smaller than one it holds for.
 */
export function fitUnderBudget(
  groups: readonly FitGroup[],
  fits: (choices: readonly FittedGroup[]) => boolean,
): FittedGroup[] | null {
  const hulls = groups.map(({ choices }) => lowerHull(choices));
  const level = hulls.map(() => 0);
  const chosen = () =>
    groups.map((group, i): FittedGroup => ({ group, choice: hulls[i]![level[i]!]! }));
  while (!fits(chosen())) {
    const down = cheapest(hulls, level);
    if (down === null) return null;
    level[down]!++;
  }
  // The last step may have freed more than was needed: give back what there is room for.
  for (const i of byGain(hulls, level)) {
    level[i]!--;
    if (!fits(chosen())) level[i]!++;
  }
  return chosen();
}

/** The group whose next step down costs least for each byte; null when all are at their smallest. */
function cheapest(
  hulls: readonly (readonly FitChoice[])[],
  level: readonly number[],
): number | null {
  let found: number | null = null;
  let least = Infinity;
  for (const [i, hull] of hulls.entries()) {
    const next = hull[level[i]! + 1];
    if (next === undefined) continue;
    const cost = price(hull[level[i]!]!, next);
    if (cost < least) [found, least] = [i, cost];
  }
  return found;
}

/** Groups that could go back up a step, the largest gain first. */
function byGain(hulls: readonly (readonly FitChoice[])[], level: readonly number[]): number[] {
  const gain = (i: number) => hulls[i]![level[i]!]!.lossNats - hulls[i]![level[i]! - 1]!.lossNats;
  return [...level.keys()].filter((i) => level[i]! > 0).sort((a, b) => gain(b) - gain(a));
}

/** Predicted rise of the mean loss of all choices together, in nats a token. */
export function predictedLoss(fitted: readonly FittedGroup[]): number {
  return fitted.reduce((sum, { choice }) => sum + choice.lossNats, 0);
}
