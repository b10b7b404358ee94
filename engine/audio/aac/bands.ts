/** Sample rates of AAC and what depends on them (ISO/IEC 14496-3, Tables 1.18 and 4.129 to 4.141, 4.103). */

/** By `samplingFrequencyIndex`, in Hz. */
export const SAMPLE_RATES = [
  ...[96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025],
  ...[8000, 7350],
] as const;

export interface RateTables {
  /** First coefficient of every scale factor band of a long window, and the end of the last. */
  readonly long: readonly number[];
  /** The same of a short window. */
  readonly short: readonly number[];
  /** Bands that temporal noise shaping may reach, of a long and of a short window. */
  readonly shapedLong: number;
  readonly shapedShort: number;
}

/** Bands written as widths, and how often each is repeated. */
function bounds(widths: string): readonly number[] {
  let end = 0;
  const all = widths.split(' ').flatMap((run) => {
    const [width = 0, times = 0] = run.split('*').map(Number);
    return Array<number>(times).fill(width);
  });
  return [0, ...all.map((width) => (end += width))];
}

const LONG_96 = bounds('4*14 8*5 12*5 16*2 24*1 28*1 36*1 44*1 64*11');
const LONG_64 = bounds('4*14 8*4 12*3 16*3 20*1 24*2 28*1 36*1 40*18');
const LONG_48 = bounds('4*10 8*7 12*4 16*2 20*2 24*2 28*2 32*19 96*1');
const LONG_32 = bounds('4*10 8*7 12*4 16*2 20*2 24*2 28*2 32*22');
const LONG_24 = bounds('4*11 8*10 12*4 16*3 20*2 24*2 28*2 32*1 36*2 40*1 44*1 48*1 52*2 64*5');
const LONG_16 = bounds(
  '8*11 12*9 16*4 20*3 24*2 28*2 32*1 36*1 40*2 44*1 48*1 52*1 56*1 60*1 64*3',
);
const LONG_8 = bounds(
  '12*13 16*7 20*4 24*3 28*2 32*1 36*2 40*1 44*1 48*1 52*1 56*1 60*1 64*1 80*1',
);
const SHORT_64 = bounds('4*6 8*3 16*1 28*1 36*1');
const SHORT_48 = bounds('4*5 8*3 12*3 16*3');
const SHORT_24 = bounds('4*7 8*3 12*2 16*2 20*1');
const SHORT_16 = bounds('4*8 8*2 12*2 16*1 20*2');
const SHORT_8 = bounds('4*7 8*4 12*1 16*1 20*2');

const rate = (
  long: readonly number[],
  short: readonly number[],
  shapedLong: number,
  shapedShort = 14,
) => ({
  ...{ long, short, shapedLong, shapedShort },
});

/** By `samplingFrequencyIndex`. */
export const RATE_TABLES: readonly RateTables[] = [
  rate(LONG_96, SHORT_64, 31, 9),
  rate(LONG_96, SHORT_64, 31, 9),
  rate(LONG_64, SHORT_64, 34, 10),
  rate(LONG_48, SHORT_48, 40),
  rate(LONG_48, SHORT_48, 42),
  rate(LONG_32, SHORT_48, 51),
  rate(LONG_24, SHORT_24, 46),
  rate(LONG_24, SHORT_24, 46),
  rate(LONG_16, SHORT_16, 42),
  rate(LONG_16, SHORT_16, 42),
  rate(LONG_16, SHORT_16, 42),
  rate(LONG_8, SHORT_8, 39),
  rate(LONG_8, SHORT_8, 39),
];
