/** What `thimble import` measures: a table of presets, and a fit's prediction beside what was measured. */
import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { interruptSignal } from '../../lib/interrupt.ts';
import { cacheDir, modelsDir } from '../../lib/paths.ts';
import type { OnProgress } from '../../lib/progress.ts';
import { withTemporaryFolder } from '../../lib/temporary-folder.ts';
import { calibratedPreset } from './calibrated-chooser.ts';
import type { CalibrationOptions } from './calibrated-chooser.ts';
import { compareTable, compareVariants } from './compare.ts';
import type { Variant, VariantRow } from './compare.ts';
import { FIT_PRESET, fitChooser } from './fit-chooser.ts';
import type { FitReport } from './fit-chooser.ts';
import { fitSummary, fitTable, percent } from './fit-report.ts';
import type { TensorChooser } from '../import-model.ts';
import type { PresetName } from './presets.ts';

export interface MeasureOptions {
  /** A budget to fit, in bytes. */
  readonly fit?: number;
  readonly ctx?: number;
  /** A text file instead of the built-in passages. */
  readonly text?: string;
  readonly maxTokens: number;
  readonly tokenizer?: string;
  readonly calibration: CalibrationOptions | null;
  /** False: predict only. */
  readonly measure: boolean;
  readonly onProgress: OnProgress;
}
/** For people, and for scripts. */
export interface Measured {
  readonly table: string;
  readonly json: object;
}
export interface Fit {
  readonly chooser: TensorChooser;
  /** What was chosen for the model that `chooser` imported, measured if asked for. */
  readonly finish: (
    manifest: DecoderManifest,
    input: string,
    options: MeasureOptions,
  ) => Promise<Measured>;
}

const LOSSLESS: Variant = { name: 'lossless', preset: 'lossless' };

export function startFit(
  budgetBytes: number,
  nCtx: number | undefined,
  calibration: CalibrationOptions | null,
): Fit {
  const reports: FitReport[] = [];
  const budget = nCtx === undefined ? { budgetBytes } : { budgetBytes, nCtx };
  const chooser = fitChooser(budget, calibration, (report) => reports.push(report));
  return {
    chooser,
    async finish(manifest, input, options) {
      const report = reports.at(-1);
      const table = fitTable(report);
      if (!options.measure) return { table, json: fitSummary(report) };
      const imported = { manifest, modelsRoot: modelsDir() };
      const rows = await compareHere(input, options, [LOSSLESS, { name: FIT_PRESET, imported }]);
      const measuredChange = rows[1]!.perplexity / rows[0]!.perplexity - 1;
      return {
        table: `${table}, measured: ${percent(measuredChange)}\n\n${compareTable(rows)}`,
        json: { ...fitSummary(report), measuredChange, rows },
      };
    },
  };
}

/** Every preset, and a fit if a budget is given, beside the file's own precision. */
export async function comparePresets(
  input: string,
  presets: readonly PresetName[],
  options: MeasureOptions,
): Promise<Measured> {
  const { fit: budget, ctx, calibration } = options;
  const fit = budget === undefined ? [] : [startFit(budget, ctx, calibration)];
  const rows = await compareHere(input, options, [
    LOSSLESS,
    ...presets
      .filter((preset) => preset !== LOSSLESS.name)
      .map((preset) => ({
        name: preset,
        preset,
        ...(calibration === null ? {} : { choose: calibratedPreset(preset, calibration) }),
      })),
    ...fit.map(({ chooser }) => ({ name: FIT_PRESET, choose: chooser })),
  ]);
  return { table: compareTable(rows), json: { source: basename(input), rows } };
}

/** Compares in a temporary folder of the cache. */
async function compareHere(
  input: string,
  { text, maxTokens, ctx, tokenizer, onProgress }: MeasureOptions,
  variants: readonly [Variant, ...Variant[]],
): Promise<VariantRow[]> {
  await mkdir(cacheDir(), { recursive: true });
  return await withTemporaryFolder(
    'compare',
    (folder) =>
      compareVariants({
        input,
        variants,
        maxTokens,
        folder,
        signal: interruptSignal,
        ...(text === undefined ? {} : { textPath: text }),
        ...(ctx === undefined ? {} : { nCtx: ctx }),
        ...(tokenizer === undefined ? {} : { tokenizer }),
        onStep: (note, done, total) => onProgress({ done, total, unit: 'items', note }),
      }),
    cacheDir(),
  );
}
