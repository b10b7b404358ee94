/** Importance weights from a calibration file, for an import under any preset. */
import { existsSync } from 'node:fs';
import { EngineError } from '../../../engine/base/errors.ts';
import { calibrationPath, columnsFor, readCalibration } from './calibration.ts';
import { openFileSource } from '../../lib/file-source.ts';
import type { TensorChooser } from '../import-model.ts';
import type { MatchedTensor } from '../open/opened-model.ts';

export interface CalibrationOptions {
  /** A file, or `auto`: the one that was made for the file that is imported. */
  readonly path: string;
  readonly onWarning: (text: string) => void;
}
export interface FoundCalibration {
  /** Equal for equal contents. */
  readonly key: string;
  readonly columns: ReadonlyMap<string, Float32Array>;
}

/** @throws {EngineError} E_USAGE when there is none; every error of a damaged or foreign file. */
export async function findCalibration(
  { path, onWarning }: CalibrationOptions,
  matched: readonly MatchedTensor[],
  fileHashes: readonly string[],
): Promise<FoundCalibration> {
  const isAuto = path === 'auto';
  const [hash] = fileHashes;
  const file = isAuto && hash !== undefined ? calibrationPath(hash) : path;
  if (isAuto && (fileHashes.length > 1 || !existsSync(file)))
    throw new EngineError(
      'E_USAGE',
      'import: --calibration auto: none was made for this file. Import it (--preset lossless or ' +
        'edge), run thimble calibrate -m ID, then import again; or name a calibration file.',
    );
  if (!existsSync(file))
    throw new EngineError(
      'E_USAGE',
      `import: --calibration ${path} is not there. Run thimble calibrate -m ID --out ${path}.`,
    );
  await using source = await openFileSource(file);
  const calibration = await readCalibration(source);
  if (calibration.sourceSha256 !== null && !fileHashes.includes(calibration.sourceSha256))
    onWarning(
      'the calibration was made with another file; it helps if that holds the same model in ' +
        'another precision, and does harm if not.',
    );
  return { key: calibration.key, columns: columnsFor(matched, calibration) };
}

/** A preset's types with a calibration's weights. */
export function calibratedPreset(preset: string, options: CalibrationOptions): TensorChooser {
  return {
    label: preset,
    async choose(_, matched, fileHashes) {
      const { key, columns } = await findCalibration(options, matched, fileHashes);
      return { key, columnWeights: columns };
    },
  };
}
