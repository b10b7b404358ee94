/** `thimble import --fit`: types chosen so that the whole memory plan stays under a budget. */
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { planMemory } from '../../../engine/model/decoder/plan.ts';
import type { MemoryPlan, PlannableModel } from '../../../engine/model/decoder/plan.ts';
import { formatBytes } from '../../lib/progress.ts';
import { findCalibration } from './calibrated-chooser.ts';
import type { CalibrationOptions } from './calibrated-chooser.ts';
import { fitUnderBudget, lowerHull, predictedLoss } from './fit.ts';
import type { FitGroup, FittedGroup } from './fit.ts';
import type { TensorChooser } from '../import-model.ts';
import type { MatchedTensor, OpenedModel } from '../open/opened-model.ts';
import { fitGroups } from './rounding-loss.ts';
import { planShards } from '../write/shard-plan.ts';

/** The preset in the manifest of a model whose types were chosen under a budget. */
export const FIT_PRESET = 'fit';

export interface FitBudget {
  /** Bytes for weights, cache and everything else in one isolate. */
  readonly budgetBytes: number;
  /** Positions of cache; what is served by default if not given. */
  readonly nCtx?: number;
}
export interface FitReport {
  readonly plan: MemoryPlan;
  readonly groups: readonly FittedGroup[];
  /** Against the file's own precision: predicted perplexity over the file's, minus one. */
  readonly predictedChange: number;
}

/** @param onReport called with what was chosen, before anything is written. */
export function fitChooser(
  budget: FitBudget,
  calibration: CalibrationOptions | null,
  onReport: (report: FitReport) => void,
): TensorChooser {
  return {
    label: FIT_PRESET,
    async choose(model, matched, fileHashes) {
      const found = calibration && (await findCalibration(calibration, matched, fileHashes));
      const weightsOf = (name: string) => found?.columns.get(name) ?? null;
      const report = await fitModel(fittable(model), matched, budget, weightsOf);
      onReport(report);
      return {
        key: JSON.stringify([budget, found?.key ?? null]),
        dtypes: dtypesOf(report.groups),
        ...(found === null ? {} : { columnWeights: found.columns }),
      };
    },
  };
}

/**
 * @throws {EngineError} E_MEMORY_BUDGET with what the smallest types would need.
 */
export async function fitModel(
  model: Pick<PlannableModel, 'id' | 'config' | 'architecture'>,
  matched: readonly MatchedTensor[],
  { budgetBytes, nCtx }: FitBudget,
  weightsOf: (name: string) => Float32Array | null,
): Promise<FitReport> {
  const groups = await fitGroups(matched, weightsOf);
  const plan = (fitted: readonly FittedGroup[]) =>
    planMemory(
      {
        id: model.id,
        architecture: model.architecture,
        preset: FIT_PRESET,
        config: model.config,
        shards: planShards('edge', matched, { dtypes: dtypesOf(fitted) }),
      },
      { memoryBudgetBytes: null, ...(nCtx === undefined ? {} : { nCtx }) },
    );
  const fitted = fitUnderBudget(groups, (choices) => plan(choices).totalBytes <= budgetBytes);
  if (fitted === null) throw nothingFits(plan(smallest(groups)), budgetBytes);
  return {
    plan: plan(fitted),
    groups: fitted,
    predictedChange: Math.expm1(predictedLoss(fitted)),
  };
}

/** What a plan needs to know of the model. @throws {EngineError} E_USAGE for kinds without a KV cache. */
function fittable({
  name,
  fields,
  architecture,
}: OpenedModel): Pick<PlannableModel, 'id' | 'config' | 'architecture'> {
  if (fields.kind === 'decoder') return { id: name, config: fields.config, architecture };
  throw new EngineError(
    'E_USAGE',
    `import: --fit chooses types for text models, and ${name} is not one. Give a --preset instead.`,
  );
}

function dtypesOf(fitted: readonly FittedGroup[]): Map<string, WeightDtype> {
  return new Map(
    fitted.flatMap(({ group, choice }) =>
      group.members.map((name, i) => [name, choice.dtypes[i]!] as const),
    ),
  );
}

function smallest(groups: readonly FitGroup[]): FittedGroup[] {
  return groups.map((group) => ({ group, choice: lowerHull(group.choices).at(-1) }));
}

function nothingFits({ totalBytes, regions, nCtx }: MemoryPlan, budgetBytes: number): EngineError {
  const weightBytes = regions.weights.bytes;
  const kvBytes = regions.kvPages.bytes;
  const withoutCache = totalBytes - kvBytes;
  const way =
    withoutCache < budgetBytes
      ? 'Give a smaller --ctx, or a larger budget.'
      : 'Use a smaller model, or a larger budget.';
  return new EngineError(
    'E_MEMORY_BUDGET',
    `import: --fit ${formatBytes(budgetBytes)}: with every tensor in its smallest type the model needs ` +
      `${formatBytes(totalBytes)} (weights ${formatBytes(weightBytes)}, cache of ${nCtx} tokens ` +
      `${formatBytes(kvBytes)}). ${way}`,
    { details: { budgetBytes, totalBytes, weightBytes, kvBytes, nCtx } },
  );
}
