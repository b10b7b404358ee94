// Attention of one token over its cached keys and values, page by page with a running maximum
// (online softmax, arXiv 1805.02867): scores are never kept beyond one page.
// Page geometry: kv-write.ts. Reference: attendReference in engine/kernels/reference/attend.ts.
//
// Pages are the outer loop and heads the inner one, so that a layer's cache is read as one ascending
// stream. Query heads that share a key/value head go through it together, up to four at a time:
// every key and value is loaded and widened once for all of them.
import { exp, HALF_SCALE, loadHalvesScaled, madd, maxAbs, maxF32, roundToInt, sumF32 } from './simd';
import { PAGE_TOKENS } from './kv-write';

/** q as i16: 1,024 values x 127 x 16,383 stay below 2^31. */
const Q_MAX: f32 = 16383;
const WEIGHT_MAX: f32 = 32767;
const LOWEST: f32 = -1e30;
/** Bytes of PAGE_TOKENS scores. */
const SCORE_BYTES: usize = 128;

// Scores of up to four heads over one page.
const SCORES = memory.data(512, 16);
/** i16 pairs of weights, heads of a pair of tokens side by side. */
const WEIGHTS = memory.data(256, 16);
/** f32 factor of each head's i16 weights. */
const FACTORS = memory.data(16, 16);

// Scratch of a call, from the caller (attendScratchBytes in engine/cache/geometry.ts):
//   [nHead] x 16 bytes of state: running maximum, running sum, scale of q, unused
//   [nHead][dimPad] f32: weighted sums of values
//   q, packed by tiles of heads (packQ8, packF16): at most 4 bytes per value
const STATE_BYTES: usize = 16;

/**
 * q: [nHead, headDim] f32, out the same; nHead / nKvHead query heads share a key/value head.
 * pageTable: u32 addresses of the sequence's pages; layerOffset: the layer's first section after
 * them; n: tokens so far (the token itself included), of which those from position `from` on are
 * attended to; scale: usually 1/sqrt(headDim); softcap: scores become c tanh(score / c), 0 for none
 * (arXiv 2408.00118).
 */
export function attendQ8(q: usize, out: usize, scratch: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32, from: usize, softcap: f32): void {
  attend(q, out, scratch, nHead, nKvHead, headDim, dimPad, pageTable, layerOffset, sectionBytes, n, scale, from, softcap, true);
}
/** As attendQ8, over half-precision pages, all sums in f32. */
export function attendF16(q: usize, out: usize, scratch: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32, from: usize, softcap: f32): void {
  attend(q, out, scratch, nHead, nKvHead, headDim, dimPad, pageTable, layerOffset, sectionBytes, n, scale, from, softcap, false);
}

// @ts-ignore: decorator
@inline
function attend(q: usize, out: usize, scratch: usize, nHead: i32, nKvHead: i32, headDim: usize, dimPad: usize, pageTable: usize, layerOffset: usize, sectionBytes: usize, n: usize, scale: f32, from: usize, softcap: f32, q8: bool): void {
  const group = nHead / nKvHead;
  const accRow = dimPad * 4;
  const packedRow = q8 ? dimPad * 2 : dimPad * 4;
  const acc = scratch + <usize>nHead * STATE_BYTES;
  const packed = acc + <usize>nHead * accRow;
  memory.fill(acc, 0, <usize>nHead * accRow);
  for (let h = 0; h < nHead; ) {
    const tile = min(4, group - (h % group));
    const to = packed + <usize>h * packedRow;
    for (let i = 0; i < tile; i++) {
      const state = scratch + <usize>(h + i) * STATE_BYTES;
      store<f32>(state, LOWEST);
      store<f32>(state, 0, 4);
      if (q8) store<f32>(state, packQ8(q, headDim, dimPad, to, i, tile) * scale, 8);
      else packF16(q, headDim, dimPad, to, i, tile, scale);
      q += headDim * 4;
    }
    h += tile;
  }
  for (let start = from & ~(PAGE_TOKENS - 1); start < n; start += PAGE_TOKENS) {
    let section = <usize>load<u32>(pageTable + (start / PAGE_TOKENS) * 4) + layerOffset;
    const first = from > start ? from - start : 0;
    const end = min(PAGE_TOKENS, n - start);
    for (let h = 0; h < nHead; ) {
      const tile = min(4, group - (h % group));
      const state = scratch + <usize>h * STATE_BYTES;
      const accs = acc + <usize>h * accRow;
      const queries = packed + <usize>h * packedRow;
      if (q8) {
        if (tile == 4) fourQ8(section, dimPad, queries, state, accs, first, end, softcap);
        else if (tile == 3) threeQ8(section, dimPad, queries, state, accs, first, end, softcap);
        else if (tile == 2) twoQ8(section, dimPad, queries, state, accs, first, end, softcap);
        else oneQ8(section, dimPad, queries, state, accs, first, end, softcap);
      } else {
        if (tile == 4) fourF16(section, dimPad, queries, state, accs, first, end, softcap);
        else if (tile == 3) threeF16(section, dimPad, queries, state, accs, first, end, softcap);
        else if (tile == 2) twoF16(section, dimPad, queries, state, accs, first, end, softcap);
        else oneF16(section, dimPad, queries, state, accs, first, end, softcap);
      }
      h += tile;
      if (h % group == 0) section += sectionBytes;
    }
  }
  for (let h = 0; h < nHead; h++) {
    const by: f32 = <f32>1 / load<f32>(scratch + <usize>h * STATE_BYTES, 4);
    const from = acc + <usize>h * accRow;
    const by4 = f32x4.splat(by);
    let i: usize = 0;
    for (; i + 4 <= headDim; i += 4) v128.store(out + i * 4, f32x4.mul(v128.load(from + i * 4), by4));
    for (; i < headDim; i++) store<f32>(out + i * 4, load<f32>(from + i * 4) * by);
    out += headDim * 4;
  }
}

/**
 * One page of one key/value head for a tile of H query heads: scores, their share of the softmax,
 * weighted values. Slots [first, end) of the page are attended to.
 */
// @ts-ignore: decorator
@inline
function pageQ8(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32, H: i32): void {
  scoresQ8(section, dimPad, q, end, H);
  const kScales = section + PAGE_TOKENS * dimPad;
  const vScales = kScales + PAGE_TOKENS * (4 + dimPad);
  for (let i = 0; i < H; i++) {
    const scores = SCORES + <usize>i * SCORE_BYTES, s = state + <usize>i * STATE_BYTES;
    scaleScores(scores, kScales, load<f32>(s, 8), end);
    softmax(scores, s, acc + <usize>i * dimPad * 4, dimPad, first, end, softcap);
    store<f32>(FACTORS + <usize>i * 4, packWeights(scores, vScales, end, WEIGHTS + <usize>i * 4, H));
  }
  addValuesQ8(kScales + PAGE_TOKENS * 4, dimPad, acc, end, H);
}
// @ts-ignore: decorator
@inline
function pageF16(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32, H: i32): void {
  scoresF16(section, dimPad, q, end, H);
  for (let i = 0; i < H; i++) {
    softmax(SCORES + <usize>i * SCORE_BYTES, state + <usize>i * STATE_BYTES, acc + <usize>i * dimPad * 4, dimPad, first, end, softcap);
  }
  addValuesF16(section + PAGE_TOKENS * dimPad * 2, dimPad, acc, end, H);
}

function oneQ8(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageQ8(section, dimPad, q, state, acc, first, end, softcap, 1);
}
function twoQ8(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageQ8(section, dimPad, q, state, acc, first, end, softcap, 2);
}
function threeQ8(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageQ8(section, dimPad, q, state, acc, first, end, softcap, 3);
}
function fourQ8(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageQ8(section, dimPad, q, state, acc, first, end, softcap, 4);
}
function oneF16(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageF16(section, dimPad, q, state, acc, first, end, softcap, 1);
}
function twoF16(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageF16(section, dimPad, q, state, acc, first, end, softcap, 2);
}
function threeF16(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageF16(section, dimPad, q, state, acc, first, end, softcap, 3);
}
function fourF16(section: usize, dimPad: usize, q: usize, state: usize, acc: usize, first: usize, end: usize, softcap: f32): void {
  pageF16(section, dimPad, q, state, acc, first, end, softcap, 4);
}

/**
 * Packs head `i` of a tile of `tile`: groups of four values, heads side by side, as i16
 * round(q * Q_MAX / max|q|), zero up to dimPad. Returns the inverse factor.
 */
function packQ8(q: usize, headDim: usize, dimPad: usize, to: usize, i: i32, tile: i32): f32 {
  const largest = maxAbs(q, headDim);
  const inverse: f32 = largest > 1e-30 ? Q_MAX / largest : 0;
  const by = f32x4.splat(inverse);
  to += <usize>i * 8;
  let d: usize = 0;
  for (; d + 4 <= headDim; d += 4) {
    const whole = roundToInt(f32x4.mul(v128.load(q + d * 4), by));
    v128.store64_lane(to, i16x8.narrow_i32x4_s(whole, whole), 0);
    to += 8 * <usize>tile;
  }
  for (; d < dimPad; d += 4) {
    for (let j: usize = 0; j < 4; j++) {
      const value = d + j < headDim ? nearest<f32>(load<f32>(q + (d + j) * 4) * inverse) : 0;
      store<i16>(to + j * 2, <i16>value);
    }
    to += 8 * <usize>tile;
  }
  return largest > 1e-30 ? largest / Q_MAX : 0;
}
/** As packQ8, in f32: values times `scale`, one by one, heads side by side. */
function packF16(q: usize, headDim: usize, dimPad: usize, to: usize, i: i32, tile: i32, scale: f32): void {
  for (let d: usize = 0; d < dimPad; d++) {
    store<f32>(to + (d * <usize>tile + <usize>i) * 4, d < headDim ? load<f32>(q + d * 4) * scale : 0);
  }
}

/** Lanes 0 + 1 and 2 + 3 of a, then of b. */
// @ts-ignore: decorator
@inline
function addPairs(a: v128, b: v128): v128 {
  const even = i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const odd = i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  return i32x4.add(even, odd);
}
/** SCORES of slots below `end`, and of at most three more: sums of products, not scaled yet. */
// @ts-ignore: decorator
@inline
function scoresQ8(section: usize, dimPad: usize, q: usize, end: usize, H: i32): void {
  let at = section;
  for (let t: usize = 0; t < end; t += 4) {
    const stop = at + dimPad * 4;
    let x = q;
    let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (; at < stop; at += 16) {
      const lo = v128.load8x8_s(at), hi = v128.load8x8_s(at, 8);
      let v = v128.load64_splat(x);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, v));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(hi, v));
      if (H > 1) {
        v = v128.load64_splat(x, 8);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(lo, v));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, v));
      }
      if (H > 2) {
        v = v128.load64_splat(x, 16);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(lo, v));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(hi, v));
      }
      if (H > 3) {
        v = v128.load64_splat(x, 24);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(lo, v));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(hi, v));
      }
      x += 8 * <usize>H;
    }
    const to = SCORES + t * 4;
    v128.store(to, f32x4.convert_i32x4_s(addPairs(a0, b0)));
    if (H > 1) v128.store(to, f32x4.convert_i32x4_s(addPairs(a1, b1)), 128);
    if (H > 2) v128.store(to, f32x4.convert_i32x4_s(addPairs(a2, b2)), 256);
    if (H > 3) v128.store(to, f32x4.convert_i32x4_s(addPairs(a3, b3)), 384);
  }
}
// @ts-ignore: decorator
@inline
function scaleScores(scores: usize, kScales: usize, qScale: f32, end: usize): void {
  const by = f32x4.splat(qScale);
  for (let i: usize = 0; i < end * 4; i += 16) {
    v128.store(scores + i, f32x4.mul(v128.load(scores + i), f32x4.mul(v128.load(kScales + i), by)));
  }
}

/** SCORES of slots below `end`, and of at most seven more. */
// @ts-ignore: decorator
@inline
function scoresF16(section: usize, dimPad: usize, q: usize, end: usize, H: i32): void {
  const factor = f32x4.splat(HALF_SCALE);
  let at = section;
  for (let t: usize = 0; t < end; t += 8) {
    const stop = at + dimPad * 16;
    let x = q;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (; at < stop; at += 16) {
      const lo = f32x4.mul(loadHalvesScaled(at), factor), hi = f32x4.mul(loadHalvesScaled(at, 8), factor);
      let v = v128.load32_splat(x);
      a0 = madd(lo, v, a0);
      b0 = madd(hi, v, b0);
      if (H > 1) {
        v = v128.load32_splat(x, 4);
        a1 = madd(lo, v, a1);
        b1 = madd(hi, v, b1);
      }
      if (H > 2) {
        v = v128.load32_splat(x, 8);
        a2 = madd(lo, v, a2);
        b2 = madd(hi, v, b2);
      }
      if (H > 3) {
        v = v128.load32_splat(x, 12);
        a3 = madd(lo, v, a3);
        b3 = madd(hi, v, b3);
      }
      x += 4 * <usize>H;
    }
    const to = SCORES + t * 4;
    v128.store(to, a0);
    v128.store(to, b0, 16);
    if (H > 1) {
      v128.store(to, a1, 128);
      v128.store(to, b1, 144);
    }
    if (H > 2) {
      v128.store(to, a2, 256);
      v128.store(to, b2, 272);
    }
    if (H > 3) {
      v128.store(to, a3, 384);
      v128.store(to, b3, 400);
    }
  }
}

/**
 * Turns scores of one head into e^(score - running maximum), 0 outside [first, end); its state and its
 * sums so far are rescaled when the maximum rises.
 */
function softmax(scores: usize, state: usize, acc: usize, dimPad: usize, first: usize, end: usize, softcap: f32): void {
  if (softcap != 0) capScores(scores, softcap);
  for (let t: usize = 0; t < first; t++) store<f32>(scores + t * 4, LOWEST);
  for (let t = end; t < PAGE_TOKENS; t++) store<f32>(scores + t * 4, LOWEST);
  const before = load<f32>(state);
  const top = max(before, maxOf32(scores));
  if (top != before) {
    const keep = f32x4.extract_lane(exp(f32x4.splat(before - top)), 0);
    const factor = f32x4.splat(keep);
    for (let i: usize = 0; i < dimPad * 4; i += 16) v128.store(acc + i, f32x4.mul(v128.load(acc + i), factor));
    store<f32>(state, top);
    store<f32>(state, load<f32>(state, 4) * keep, 4);
  }
  const t4 = f32x4.splat(top);
  for (let i: usize = 0; i < end * 4; i += 16) v128.store(scores + i, exp(f32x4.sub(v128.load(scores + i), t4)));
  for (let t: usize = 0; t < first; t++) store<f32>(scores + t * 4, 0);
  for (let t = end; t < PAGE_TOKENS; t++) store<f32>(scores + t * 4, 0);
  store<f32>(state, load<f32>(state, 4) + sumOf32(scores), 4);
}

/** c tanh(x / c), as c (1 - 2 / (e^(2x/c) + 1)). */
function capScores(scores: usize, cap: f32): void {
  const c = f32x4.splat(cap), twice = f32x4.splat(<f32>2 / cap), one = f32x4.splat(1), two = f32x4.splat(2);
  for (let i: usize = 0; i < SCORE_BYTES; i += 16) {
    const e = exp(f32x4.mul(v128.load(scores + i), twice));
    v128.store(scores + i, f32x4.mul(c, f32x4.sub(one, f32x4.div(two, f32x4.add(e, one)))));
  }
}

/** Weights of one head, times the scales of the values, as i16 pairs `H` x 4 bytes apart; their factor. */
// @ts-ignore: decorator
@inline
function packWeights(scores: usize, vScales: usize, end: usize, to: usize, H: i32): f32 {
  for (let i: usize = 0; i < end * 4; i += 16) {
    v128.store(scores + i, f32x4.mul(v128.load(scores + i), v128.load(vScales + i)));
  }
  // After the last token are scales of another sequence; the scores there are zero.
  const largest = maxOf32(scores);
  const inverse = f32x4.splat(largest > 1e-30 ? WEIGHT_MAX / largest : 0);
  for (let t: usize = 0; t < PAGE_TOKENS; t += 4) {
    const whole = roundToInt(f32x4.mul(v128.load(scores + t * 4), inverse));
    const pairs = i16x8.narrow_i32x4_s(whole, whole);
    const at = to + t * 2 * <usize>H;
    v128.store32_lane(at, pairs, 0);
    v128.store32_lane(at + 4 * <usize>H, pairs, 1);
  }
  return largest > 1e-30 ? largest / WEIGHT_MAX : 0;
}

// @ts-ignore: decorator
@inline
function addScaled(acc: usize, a: v128, b: v128, factor: v128): void {
  v128.store(acc, madd(f32x4.convert_i32x4_s(a), factor, v128.load(acc)));
  v128.store(acc, madd(f32x4.convert_i32x4_s(b), factor, v128.load(acc, 16)), 16);
}
/** acc += sum over the page of weight[t] * V[t], the products as i16 weights against int8 values. */
// @ts-ignore: decorator
@inline
function addValuesQ8(values: usize, dimPad: usize, acc: usize, end: usize, H: i32): void {
  const used = ((end + 1) >> 1) * 16;
  const row = dimPad * 4;
  for (let d: usize = 0; d < dimPad; d += 8) {
    let at = values, x = WEIGHTS;
    const stop = at + used;
    let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (; at < stop; at += 16) {
      const lo = v128.load8x8_s(at), hi = v128.load8x8_s(at, 8);
      let v = v128.load32_splat(x);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, v));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(hi, v));
      if (H > 1) {
        v = v128.load32_splat(x, 4);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(lo, v));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, v));
      }
      if (H > 2) {
        v = v128.load32_splat(x, 8);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(lo, v));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(hi, v));
      }
      if (H > 3) {
        v = v128.load32_splat(x, 12);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(lo, v));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(hi, v));
      }
      x += 4 * <usize>H;
    }
    addScaled(acc, a0, b0, v128.load32_splat(FACTORS));
    if (H > 1) addScaled(acc + row, a1, b1, v128.load32_splat(FACTORS, 4));
    if (H > 2) addScaled(acc + 2 * row, a2, b2, v128.load32_splat(FACTORS, 8));
    if (H > 3) addScaled(acc + 3 * row, a3, b3, v128.load32_splat(FACTORS, 12));
    acc += 32;
    values += PAGE_TOKENS * 8;
  }
}
// @ts-ignore: decorator
@inline
function addValuesF16(values: usize, dimPad: usize, acc: usize, end: usize, H: i32): void {
  const factor = f32x4.splat(HALF_SCALE);
  const row = dimPad * 4;
  for (let d: usize = 0; d < dimPad; d += 8) {
    let at = values, x = SCORES;
    const stop = at + end * 16;
    let a0 = v128.load(acc), b0 = v128.load(acc, 16), a1 = a0, b1 = a0, a2 = a0, b2 = a0, a3 = a0, b3 = a0;
    if (H > 1) { a1 = v128.load(acc + row); b1 = v128.load(acc + row, 16); }
    if (H > 2) { a2 = v128.load(acc + 2 * row); b2 = v128.load(acc + 2 * row, 16); }
    if (H > 3) { a3 = v128.load(acc + 3 * row); b3 = v128.load(acc + 3 * row, 16); }
    for (; at < stop; at += 16) {
      const lo = f32x4.mul(loadHalvesScaled(at), factor), hi = f32x4.mul(loadHalvesScaled(at, 8), factor);
      let v = v128.load32_splat(x);
      a0 = madd(lo, v, a0);
      b0 = madd(hi, v, b0);
      if (H > 1) {
        v = v128.load32_splat(x, 128);
        a1 = madd(lo, v, a1);
        b1 = madd(hi, v, b1);
      }
      if (H > 2) {
        v = v128.load32_splat(x, 256);
        a2 = madd(lo, v, a2);
        b2 = madd(hi, v, b2);
      }
      if (H > 3) {
        v = v128.load32_splat(x, 384);
        a3 = madd(lo, v, a3);
        b3 = madd(hi, v, b3);
      }
      x += 4;
    }
    v128.store(acc, a0);
    v128.store(acc, b0, 16);
    if (H > 1) { v128.store(acc + row, a1); v128.store(acc + row, b1, 16); }
    if (H > 2) { v128.store(acc + 2 * row, a2); v128.store(acc + 2 * row, b2, 16); }
    if (H > 3) { v128.store(acc + 3 * row, a3); v128.store(acc + 3 * row, b3, 16); }
    acc += 32;
    values += PAGE_TOKENS * 16;
  }
}

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
