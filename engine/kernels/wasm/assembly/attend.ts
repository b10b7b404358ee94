// Attention of one token over its cached keys and values, page by page with a running maximum
// (online softmax, arXiv 1805.02867): scores are never kept beyond one page.
// Page geometry: kv-write.ts. Reference: attendReference in engine/kernels/reference/attend.ts.
import { exp, loadHalf, loadHalvesScaled, HALF_SCALE, madd, maxF32, roundToInt, sumF32, sumI32 } from './simd';
import { PAGE_TOKENS } from './kv-write';

/** q as i16: 512 values x 127 x 16,383 stay below 2^31. */
const Q_MAX: f32 = 16383;
const WEIGHT_MAX: f32 = 32767;
const LOWEST: f32 = -1e30;

// Scratch for heads of up to 512 values (engine/cache/geometry.ts refuses wider ones).
const Q = memory.data(1024, 16);
const SCORES = memory.data(128, 16);
const WEIGHTS = memory.data(64, 16);
const ACC = memory.data(2048, 16);

// @ts-ignore: decorator
@inline
function sumOf32(at: usize): f32 {
  const a = f32x4.add(f32x4.add(v128.load(at), v128.load(at, 16)), f32x4.add(v128.load(at, 32), v128.load(at, 48)));
  const b = f32x4.add(f32x4.add(v128.load(at, 64), v128.load(at, 80)), f32x4.add(v128.load(at, 96), v128.load(at, 112)));
  return sumF32(f32x4.add(a, b));
}
// @ts-ignore: decorator
@inline
function maxOf32(at: usize): f32 {
  const a = f32x4.pmax(f32x4.pmax(v128.load(at), v128.load(at, 16)), f32x4.pmax(v128.load(at, 32), v128.load(at, 48)));
  const b = f32x4.pmax(f32x4.pmax(v128.load(at, 64), v128.load(at, 80)), f32x4.pmax(v128.load(at, 96), v128.load(at, 112)));
  return maxF32(f32x4.pmax(a, b));
}
// @ts-ignore: decorator
@inline
function scaleAcc(dimPad: usize, by: f32): void {
  const factor = f32x4.splat(by);
  for (let i: usize = 0; i < dimPad * 4; i += 16) v128.store(ACC + i, f32x4.mul(v128.load(ACC + i), factor));
}
/** SCORES becomes e^(score - top); slots from n on become 0. Returns their sum. */
// @ts-ignore: decorator
@inline
function exponentiate(top: f32, n: usize): f32 {
  const t = f32x4.splat(top);
  for (let i: usize = 0; i < n * 4; i += 16) v128.store(SCORES + i, exp(f32x4.sub(v128.load(SCORES + i), t)));
  for (let i = n; i < PAGE_TOKENS; i++) store<f32>(SCORES + i * 4, 0);
  return sumOf32(SCORES);
}
// @ts-ignore: decorator
@inline
function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0);
}
// @ts-ignore: decorator
@inline
function writeOut(out: usize, headDim: usize, by: f32): void {
  for (let i: usize = 0; i < headDim; i++) store<f32>(out + i * 4, load<f32>(ACC + i * 4) * by);
}

/** One pass over all heads; `q8` is known when this is compiled. */
// @ts-ignore: decorator
@inline
function attend(q: usize, out: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32, q8: bool): void {
  const group = nHead / nKvHead;
  for (let h = 0; h < nHead; h++) {
    const headOffset = layerOffset + <usize>(h / group) * sectionBytes;
    const qScale: f32 = q8 ? quantizeQ(q, headDim, dimPad) * scale : scale;
    memory.fill(ACC, 0, dimPad * 4);
    let top = LOWEST, total: f32 = 0;
    for (let start: usize = 0; start < n; start += PAGE_TOKENS) {
      const section = <usize>load<u32>(pageTable + (start / PAGE_TOKENS) * 4) + headOffset;
      const m = min(PAGE_TOKENS, n - start);
      if (q8) scoresQ8(section, dimPad, m, qScale);
      else scoresF16(section, q, headDim, dimPad, m, qScale);
      const higher = max(top, maxOf32(SCORES));
      const keep = exp1(top - higher);
      total = total * keep + exponentiate(higher, m);
      top = higher;
      if (keep != 1) scaleAcc(dimPad, keep);
      if (q8) addValuesQ8(section + PAGE_TOKENS * (dimPad + 4), dimPad, m);
      else addValuesF16(section + PAGE_TOKENS * dimPad * 2, dimPad, m);
    }
    writeOut(out, headDim, <f32>1 / total);
    q += headDim * 4;
    out += headDim * 4;
  }
}

/**
 * q: [nHead, headDim] f32, out the same; nHead / nKvHead query heads share a key/value head.
 * pageTable: u32 addresses of the sequence's pages; layerOffset: the layer's first section in a page;
 * n: tokens attended to (the token itself included); scale: usually 1/sqrt(headDim).
 */
export function attendQ8(q: usize, out: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32): void {
  attend(q, out, nHead, nKvHead, headDim, dimPad, pageTable, layerOffset, sectionBytes, n, scale, true);
}
/** As attendQ8, over half-precision pages, all sums in f32. */
export function attendF16(q: usize, out: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32): void {
  attend(q, out, nHead, nKvHead, headDim, dimPad, pageTable, layerOffset, sectionBytes, n, scale, false);
}

/** Q = round(q * Q_MAX / max|q|) as i16, zero up to dimPad; returns the inverse factor. */
// @ts-ignore: decorator
@inline
function quantizeQ(q: usize, headDim: usize, dimPad: usize): f32 {
  let largest: f32 = 0;
  for (let i: usize = 0; i < headDim; i++) largest = max(largest, abs(load<f32>(q + i * 4)));
  const inverse: f32 = largest > 1e-30 ? Q_MAX / largest : 0;
  for (let i: usize = 0; i < headDim; i++) store<i16>(Q + i * 2, <i16>nearest<f32>(load<f32>(q + i * 4) * inverse));
  for (let i = headDim; i < dimPad; i++) store<i16>(Q + i * 2, 0);
  return largest > 1e-30 ? largest / Q_MAX : 0;
}

// @ts-ignore: decorator
@inline
function scoresQ8(section: usize, dimPad: usize, n: usize, qScale: f32): void {
  const scales = section + PAGE_TOKENS * dimPad;
  let row = section;
  for (let t: usize = 0; t < n; t++) {
    let a = i32x4.splat(0), b = i32x4.splat(0);
    for (let i: usize = 0; i < dimPad; i += 16) {
      const k = v128.load(row + i);
      a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(k), v128.load(Q + i * 2)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(k), v128.load(Q + i * 2, 16)));
    }
    store<f32>(SCORES + t * 4, <f32>sumI32(i32x4.add(a, b)) * load<f32>(scales + t * 4) * qScale);
    row += dimPad;
  }
  for (let t = n; t < PAGE_TOKENS; t++) store<f32>(SCORES + t * 4, LOWEST);
}

/** ACC += sum over the page of SCORES[t] * V[t], the products as i16 weights against int8 values. */
// @ts-ignore: decorator
@inline
function addValuesQ8(values: usize, dimPad: usize, n: usize): void {
  const scales = values + PAGE_TOKENS * dimPad;
  for (let i: usize = 0; i < n * 4; i += 16) {
    v128.store(SCORES + i, f32x4.mul(v128.load(SCORES + i), v128.load(scales + i)));
  }
  for (let i = n; i < PAGE_TOKENS; i++) store<f32>(SCORES + i * 4, 0);
  const largest = maxOf32(SCORES);
  if (!(largest > 1e-30)) return;
  const inverse = f32x4.splat(WEIGHT_MAX / largest);
  for (let i: usize = 0; i < PAGE_TOKENS; i += 8) {
    const lo = roundToInt(f32x4.mul(v128.load(SCORES + i * 4), inverse));
    const hi = roundToInt(f32x4.mul(v128.load(SCORES + i * 4, 16), inverse));
    v128.store(WEIGHTS + i * 2, i16x8.narrow_i32x4_s(lo, hi));
  }
  const factor = f32x4.splat(largest / WEIGHT_MAX);
  const nPair = (n + 1) >> 1;
  for (let d: usize = 0; d < dimPad; d += 16) {
    let a = i32x4.splat(0), b = a, c = a, e = a;
    let at = values + d * 2;
    for (let p: usize = 0; p < nPair; p++) {
      const weight = v128.load32_splat(WEIGHTS + p * 4);
      const v = v128.load(at), u = v128.load(at, 16);
      a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v), weight));
      b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(v), weight));
      c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(u), weight));
      e = i32x4.add(e, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(u), weight));
      at += dimPad * 2;
    }
    const acc = ACC + d * 4;
    v128.store(acc, madd(f32x4.convert_i32x4_s(a), factor, v128.load(acc)));
    v128.store(acc, madd(f32x4.convert_i32x4_s(b), factor, v128.load(acc, 16)), 16);
    v128.store(acc, madd(f32x4.convert_i32x4_s(c), factor, v128.load(acc, 32)), 32);
    v128.store(acc, madd(f32x4.convert_i32x4_s(e), factor, v128.load(acc, 48)), 48);
  }
}

// @ts-ignore: decorator
@inline
function scoresF16(section: usize, q: usize, headDim: usize, dimPad: usize, n: usize, scale: f32): void {
  const factor = f32x4.splat(HALF_SCALE);
  for (let t: usize = 0; t < n; t++) {
    const row = section + t * dimPad * 2;
    let a = f32x4.splat(0), i: usize = 0;
    for (; i + 4 <= headDim; i += 4) {
      a = madd(f32x4.mul(loadHalvesScaled(row + i * 2), factor), v128.load(q + i * 4), a);
    }
    let sum = sumF32(a);
    for (; i < headDim; i++) {
      sum += loadHalf(row + i * 2) * load<f32>(q + i * 4);
    }
    store<f32>(SCORES + t * 4, sum * scale);
  }
  for (let t = n; t < PAGE_TOKENS; t++) store<f32>(SCORES + t * 4, LOWEST);
}

// @ts-ignore: decorator
@inline
function addValuesF16(values: usize, dimPad: usize, n: usize): void {
  const factor = f32x4.splat(HALF_SCALE);
  for (let d: usize = 0; d < dimPad; d += 8) {
    let a = v128.load(ACC + d * 4), b = v128.load(ACC + d * 4, 16);
    let at = values + d * 2;
    for (let t: usize = 0; t < n; t++) {
      const weight = f32x4.mul(v128.load32_splat(SCORES + t * 4), factor);
      a = madd(loadHalvesScaled(at), weight, a);
      b = madd(loadHalvesScaled(at, 8), weight, b);
      at += dimPad * 2;
    }
    v128.store(ACC + d * 4, a);
    v128.store(ACC + d * 4, b, 16);
  }
}
