/** Sample rates of MP3 and what depends on them (ISO/IEC 11172-3, ISO/IEC 13818-3). */

export interface Mp3Format {
  readonly sampleRate: number;
  readonly isMpeg1: boolean;
  /** `sampling_frequency` of the header. */
  readonly rateIndex: number;
  readonly kilobits: number;
  /** `bitrate_index` of the header. */
  readonly bitrateIndex: number;
  /** First coefficient of every scale factor band, and the end of the last (Table B.8, long blocks). */
  readonly bands: readonly number[];
}

/** Coefficients of a granule. */
export const GRANULE_SAMPLES = 576;

const WIDTHS_MPEG2 = [6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16];
const WIDTHS_22 = [...WIDTHS_MPEG2, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54];
const WIDTHS_24 = [...WIDTHS_MPEG2, 18, 22, 26, 32, 38, 46, 54, 62, 70, 76, 36];
const WIDTHS_32 = [4, 4, 4, 4, 4, 4, 6, 6, 8, 10, 12, 16, 20, 24, 30, 38, 46, 56, 68, 84, 102, 26];
const WIDTHS_44 = [4, 4, 4, 4, 4, 4, 6, 6, 8, 8, 10, 12, 16, 20, 24, 28, 34, 42, 50, 54, 76, 158];
const WIDTHS_48 = [4, 4, 4, 4, 4, 4, 6, 6, 6, 8, 10, 12, 16, 18, 22, 28, 34, 40, 46, 54, 54, 192];

const MPEG2 = { isMpeg1: false, kilobits: 64, bitrateIndex: 8 } as const;
const MPEG1 = { isMpeg1: true, kilobits: 96, bitrateIndex: 7 } as const;

/** Every rate with one constant bit rate: enough that speech sounds as before. */
const FORMATS: readonly Mp3Format[] = [
  { ...MPEG2, sampleRate: 16_000, rateIndex: 2, bands: boundsOf(WIDTHS_22) },
  { ...MPEG2, sampleRate: 22_050, rateIndex: 0, bands: boundsOf(WIDTHS_22) },
  { ...MPEG2, sampleRate: 24_000, rateIndex: 1, bands: boundsOf(WIDTHS_24) },
  { ...MPEG1, sampleRate: 32_000, rateIndex: 2, bands: boundsOf(WIDTHS_32) },
  { ...MPEG1, sampleRate: 44_100, rateIndex: 0, bands: boundsOf(WIDTHS_44) },
  { ...MPEG1, sampleRate: 48_000, rateIndex: 1, bands: boundsOf(WIDTHS_48) },
];

/** The format of the lowest rate that loses nothing of `sampleRate` Hz; of the highest for still higher ones. */
export function formatFor(sampleRate: number): Mp3Format {
  return FORMATS.find((format) => format.sampleRate >= sampleRate) ?? FORMATS.at(-1)!;
}

function boundsOf(widths: readonly number[]): number[] {
  let end = 0;
  return [0, ...widths.map((width) => (end += width))];
}
