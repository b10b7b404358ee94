/** Pictures and recordings of an audit as parts of its report. */
import type { DistributionSummary } from '../../../engine/data/distribution.ts';
import { formatBytes } from '../../lib/progress.ts';
import { SILENT_DECIBELS } from '../media/sound-facts.ts';
import { MAX_BITS, MAX_COLOUR } from '../media/picture-look.ts';
import type { Section } from '../output/section.ts';
import type { Audit } from './audit.ts';
import type { FilesCount, PicturesCount, RecordingsCount } from './media-count.ts';
import { percent, QUANTILES } from './shown.ts';

export function mediaSections({ pictures, recordings }: Audit): Section[] {
  return [
    ...(pictures === null ? [] : pictureSections(pictures)),
    ...(recordings === null ? [] : recordingSections(recordings)),
  ];
}

/** Rows that both kinds have. */
function fileRows({ nRow, nFile, nExact, formats, bytes }: FilesCount): string[][] {
  return [
    ['rows that name one', String(nRow)],
    ['files', String(nFile)],
    ['bytes', formatBytes(bytes.mean * bytes.n)],
    ...formats.map(({ name, nRow: n }) => [`of format ${name}`, String(n)]),
    ['equal to an earlier one', `${nExact}, ${percent(nExact, nFile)}`],
  ];
}

function pictureSections(count: PicturesCount): Section[] {
  const { nFile, nNear, width, height } = count;
  const looks = `look like an earlier one (at most ${MAX_BITS} of 64 bits and ${MAX_COLOUR} of 255 apart)`;
  return [
    {
      title: 'Pictures',
      note: 'whatever the text beside them; broken ones are among the bad rows',
      rows: [
        ...fileRows(count),
        ...(nNear === null ? [] : [[looks, `${nNear}, ${percent(nNear, nFile)}`]]),
      ],
    },
    sizesSection('Sizes of pictures', [
      ['pixels wide', width],
      ['pixels high', height],
    ]),
  ];
}

function recordingSections(count: RecordingsCount): Section[] {
  const { nFile, rates, seconds, silentSeconds, nSilent, milliseconds } = count;
  const silent = seconds === 0 ? 'unknown' : `${((100 * silentSeconds) / seconds).toFixed(2)} %`;
  return [
    {
      title: 'Recordings',
      note: `whatever the text beside them; silent is below ${SILENT_DECIBELS} dB of full scale for a tenth of a second`,
      rows: [
        ...fileRows(count),
        ...rates.map(({ name, nRow }) => [name, String(nRow)]),
        ['seconds', seconds.toFixed(1)],
        ['silent seconds', `${silentSeconds.toFixed(1)}, ${silent}`],
        ['silent recordings', `${nSilent}, ${percent(nSilent, nFile)}`],
      ],
    },
    sizesSection('Lengths of recordings', [['milliseconds', milliseconds]]),
  ];
}

function sizesSection(
  title: string,
  lines: readonly (readonly [string, DistributionSummary])[],
): Section {
  return {
    title,
    head: ['', 'mean', ...QUANTILES],
    rows: lines.map(([name, { mean, quantiles }]) => [
      ...[name, mean.toFixed(1), ...quantiles.map(String)],
    ]),
    numbers: [1, 2, 3, 4, 5, 6, 7, 8],
  };
}
