/** Temporal noise shaping (ISO/IEC 14496-3, 4.6.9): filters over the coefficients of a window. */
import { RATE_TABLES } from './bands.ts';
import type { ChannelStream, ShapingFilter, WindowInfo } from './channel.ts';
import { DamagedFrame } from './frame-bits.ts';
import type { FrameBits } from './frame-bits.ts';

/** Largest order of AAC-LC. */
const MAX_ORDER_LONG = 12;

/** @returns filters by window @throws {DamagedFrame} for an order that AAC-LC has not */
export function readShaping(bits: FrameBits, { groups, sequence }: WindowInfo): ShapingFilter[][] {
  const isShort = sequence === 'short';
  const nWindow = groups.reduce((sum, n) => sum + n, 0);
  return Array.from({ length: nWindow }, () => {
    const nFilter = bits.read(isShort ? 1 : 2);
    if (nFilter === 0) return [];
    const resolution = bits.bit() + 3;
    return Array.from({ length: nFilter }, () => readFilter(bits, isShort, resolution));
  });
}

function readFilter(bits: FrameBits, isShort: boolean, resolution: number): ShapingFilter {
  const nBand = bits.read(isShort ? 4 : 6);
  const order = bits.read(isShort ? 3 : 5);
  if (order > MAX_ORDER_LONG) throw new DamagedFrame(`noise shaping of order ${order}`);
  if (order === 0) return { nBand, isDownward: false, coefficients: [] };
  const isDownward = bits.bit() === 1;
  const nBit = resolution - bits.bit();
  const reflections = Array.from({ length: order }, () => {
    const raw = bits.read(nBit);
    const signed = raw >= 2 ** (nBit - 1) ? raw - 2 ** nBit : raw;
    const half = 2 ** (resolution - 1) + (signed >= 0 ? -0.5 : 0.5);
    return Math.sin((signed * Math.PI) / 2 / half);
  });
  return { nBand, isDownward, coefficients: predictor(reflections) };
}

/** Reflection coefficients to those of the filter (Levinson's recursion). */
function predictor(reflections: readonly number[]): number[] {
  let out: number[] = [];
  for (const k of reflections) {
    const before = out;
    out = [...before.map((a, i) => a + k * before[before.length - 1 - i]!), k];
  }
  return out;
}

/** Applies a channel's filters to its spectrum. */
export function shapeNoise({ info, shaping, spectrum }: ChannelStream, rateIndex: number): void {
  const { shapedLong, shapedShort } = RATE_TABLES[rateIndex]!;
  const { bounds, nBand, windowSamples } = info;
  const limit = Math.min(info.sequence === 'short' ? shapedShort : shapedLong, nBand);
  for (const [window, filters] of shaping.entries()) {
    let bottom = bounds.length - 1;
    for (const filter of filters) {
      const top = bottom;
      bottom = Math.max(0, top - filter.nBand);
      const from = window * windowSamples + bounds[Math.min(bottom, limit)]!;
      const to = window * windowSamples + bounds[Math.min(top, limit)]!;
      if (filter.coefficients.length > 0) runFilter(spectrum, from, to, filter);
    }
  }
}

function runFilter(
  spectrum: Float64Array,
  from: number,
  to: number,
  { coefficients, isDownward }: ShapingFilter,
): void {
  const step = isDownward ? -1 : 1;
  const first = isDownward ? to - 1 : from;
  for (let n = 0; n < to - from; n++) {
    const at = first + n * step;
    let value = spectrum[at]!;
    for (let i = 0; i < Math.min(n, coefficients.length); i++)
      value -= coefficients[i]! * spectrum[at - (i + 1) * step]!;
    spectrum[at] = value;
  }
}
