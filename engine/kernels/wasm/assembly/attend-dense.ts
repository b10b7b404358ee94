// Attention of many queries over dense rows of keys and values, both ways: encoders, cross-attention.
//   out[i] = sum_j softmax_j(scale * q[i] . k[j]) v[j], one head at a time, f32.
// Reference: attendDenseReference in engine/kernels/reference/attend.ts.
//
// Keys go in blocks with a running maximum (online softmax, arXiv 1805.02867). A block's keys and
// values of one head are packed once, then every tile of eight queries goes over them. Both products
// are sums of outer products, 8 x 4 in registers: scores have queries in their lanes, so that the
// softmax needs nothing across lanes; outputs have dimensions in theirs.
import { exp, madd } from './simd';

/** Keys of a block: 64 KiB packed at 64 dimensions, beside 4 KiB of scores. */
const KEY_BLOCK: i32 = 128;
const LOWEST: f32 = -1e30;

// Scratch of a call (denseScratchBytes in engine/cache/geometry.ts), f32:
//   [KEY_BLOCK / 4][headDim][4] keys; [headDim / 8][keys][8] values, and [keys][4] where four are left;
//   [KEY_BLOCK][8] scores; [headDim][8] queries; [8] factors; [nQuery, padded to 8] maxima, then sums

/**
 * q: [nQuery, nHead * headDim] in rows qStride apart; k and v: [nKey, ...], kvStride; out: [nQuery, ...],
 * outStride, apart from q, k and v. Strides are in values; headDim is a multiple of 4, nKey at least 1.
 */
export function attendDense(q: usize, qStride: usize, k: usize, v: usize, kvStride: usize, out: usize, outStride: usize, scratch: usize, nQuery: i32, nKey: i32, nHead: i32, headDim: i32, scale: f32): void {
  const keys = scratch;
  const values = keys + <usize>(KEY_BLOCK * headDim) * 4;
  const scores = values + <usize>(KEY_BLOCK * headDim) * 4;
  const queries = scores + <usize>KEY_BLOCK * 32;
  const factors = queries + <usize>headDim * 32;
  const maxima = factors + 32;
  const sums = maxima + <usize>((nQuery + 7) & ~7) * 4;
  for (let h = 0; h < nHead; h++) {
    for (let from = 0; from < nKey; from += KEY_BLOCK) {
      const n = min(KEY_BLOCK, nKey - from);
      const at = <usize>from * kvStride * 4;
      packKeys(k + at, kvStride * 4, n, headDim, keys);
      packValues(v + at, kvStride * 4, n, headDim, values);
      const last = from + KEY_BLOCK >= nKey;
      for (let i = 0; i < nQuery; ) {
        const left = nQuery - i;
        const query = q + <usize>i * qStride * 4, to = out + <usize>i * outStride * 4;
        const maximum = maxima + <usize>i * 4, sum = sums + <usize>i * 4;
        packQueries(query, qStride * 4, min(left, 8), headDim, scale, queries);
        if (left > 4) {
          scoresOfEight(queries, keys, n, headDim, scores);
          softmaxLanes(scores, n, 32, from == 0, last, maximum, sum, factors);
          softmaxLanes(scores + 16, n, 32, from == 0, last, maximum + 16, sum + 16, factors + 16);
          weigh(scores, values, n, headDim, to, outStride * 4, 4, from == 0, last, factors, sum);
          weigh(scores + 16, values, n, headDim, to + outStride * 16, outStride * 4, min(left, 8) - 4, from == 0, last, factors + 16, sum + 16);
          i += 8;
        } else {
          scoresOfFour(queries, keys, n, headDim, scores);
          softmaxLanes(scores, n, 32, from == 0, last, maximum, sum, factors);
          weigh(scores, values, n, headDim, to, outStride * 4, left, from == 0, last, factors, sum);
          i += 4;
        }
      }
    }
    q += <usize>headDim * 4;
    k += <usize>headDim * 4;
    v += <usize>headDim * 4;
    out += <usize>headDim * 4;
  }
}

// @ts-ignore: decorator
@inline
function splat(x: v128, lane: i32): v128 {
  if (lane == 0) return v128.shuffle<f32>(x, x, 0, 0, 0, 0);
  if (lane == 1) return v128.shuffle<f32>(x, x, 1, 1, 1, 1);
  if (lane == 2) return v128.shuffle<f32>(x, x, 2, 2, 2, 2);
  return v128.shuffle<f32>(x, x, 3, 3, 3, 3);
}

/** Four values of four rows from `a`, `b`, `c`, `d`, transposed, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, step: usize): void {
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(ab, cd, 0, 2));
  v128.store(to + step, v128.shuffle<f64>(ab, cd, 1, 3));
  v128.store(to + step * 2, v128.shuffle<f64>(ab2, cd2, 0, 2));
  v128.store(to + step * 3, v128.shuffle<f64>(ab2, cd2, 1, 3));
}

/** Groups of four keys, values of a dimension side by side; a last group repeats its last key. */
function packKeys(k: usize, stride: usize, n: i32, headDim: i32, to: usize): void {
  for (let j = 0; j < n; j += 4) {
    const last = n - 1 - j;
    const b = k + stride * min(1, last), c = k + stride * min(2, last), d = k + stride * min(3, last);
    for (let i: usize = 0; i < <usize>headDim * 4; i += 16) {
      storeTransposed(v128.load(k + i), v128.load(b + i), v128.load(c + i), v128.load(d + i), to, 16);
      to += 64;
    }
    k += stride * 4;
  }
}

function packValues(v: usize, stride: usize, n: i32, headDim: i32, to: usize): void {
  for (let i = 0; i + 8 <= headDim; i += 8) {
    let row = v + <usize>i * 4;
    for (let j = 0; j < n; j++, row += stride, to += 32) {
      v128.store(to, v128.load(row));
      v128.store(to, v128.load(row, 16), 16);
    }
  }
  if (headDim & 4) {
    let row = v + <usize>(headDim - 4) * 4;
    for (let j = 0; j < n; j++, row += stride, to += 16) v128.store(to, v128.load(row));
  }
}

/** [headDim][8] scaled; missing queries repeat the last. */
function packQueries(q: usize, stride: usize, n: i32, headDim: i32, scale: f32, to: usize): void {
  const by = f32x4.splat(scale);
  for (let half = 0; half < n; half += 4) {
    const last = n - 1 - half;
    const a = q + stride * half;
    const b = a + stride * min(1, last), c = a + stride * min(2, last), d = a + stride * min(3, last);
    let at = to + half * 4;
    for (let i: usize = 0; i < <usize>headDim * 4; i += 16, at += 128) {
      storeTransposed(
        f32x4.mul(v128.load(a + i), by),
        f32x4.mul(v128.load(b + i), by),
        f32x4.mul(v128.load(c + i), by),
        f32x4.mul(v128.load(d + i), by),
        at,
        32,
      );
    }
  }
}

/** scores[j][i] = q[i] . k[j] for eight queries, four keys at a time. */
function scoresOfEight(queries: usize, keys: usize, n: i32, headDim: i32, scores: usize): void {
  for (let j = 0; j < n; j += 4, scores += 128) {
    let a = queries;
    let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0;
    for (let i = 0; i < headDim; i += 2, a += 64, keys += 32) {
      let x = v128.load(a), y = v128.load(a, 16), b = v128.load(keys);
      let s = splat(b, 0);
      c0 = madd(x, s, c0);
      d0 = madd(y, s, d0);
      s = splat(b, 1);
      c1 = madd(x, s, c1);
      d1 = madd(y, s, d1);
      s = splat(b, 2);
      c2 = madd(x, s, c2);
      d2 = madd(y, s, d2);
      s = splat(b, 3);
      c3 = madd(x, s, c3);
      d3 = madd(y, s, d3);
      x = v128.load(a, 32), y = v128.load(a, 48), b = v128.load(keys, 16);
      s = splat(b, 0);
      c0 = madd(x, s, c0);
      d0 = madd(y, s, d0);
      s = splat(b, 1);
      c1 = madd(x, s, c1);
      d1 = madd(y, s, d1);
      s = splat(b, 2);
      c2 = madd(x, s, c2);
      d2 = madd(y, s, d2);
      s = splat(b, 3);
      c3 = madd(x, s, c3);
      d3 = madd(y, s, d3);
    }
    v128.store(scores, c0);
    v128.store(scores, d0, 16);
    v128.store(scores, c1, 32);
    v128.store(scores, d1, 48);
    v128.store(scores, c2, 64);
    v128.store(scores, d2, 80);
    v128.store(scores, c3, 96);
    v128.store(scores, d3, 112);
  }
}

/** As scoresOfEight, for at most four queries; rows of scores stay 32 bytes apart. */
function scoresOfFour(queries: usize, keys: usize, n: i32, headDim: i32, scores: usize): void {
  for (let j = 0; j < n; j += 4, scores += 128) {
    let a = queries;
    let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
    for (let i = 0; i < headDim; i++, a += 32, keys += 16) {
      const x = v128.load(a), b = v128.load(keys);
      c0 = madd(x, splat(b, 0), c0);
      c1 = madd(x, splat(b, 1), c1);
      c2 = madd(x, splat(b, 2), c2);
      c3 = madd(x, splat(b, 3), c3);
    }
    v128.store(scores, c0);
    v128.store(scores, c1, 32);
    v128.store(scores, c2, 64);
    v128.store(scores, c3, 96);
  }
}

/**
 * Turns scores of four queries into weights relative to the running maximum. `factors`: factors of the
 * sums so far; `sum` holds the sum of weights, after the last block its inverse.
 */
function softmaxLanes(scores: usize, n: i32, step: usize, first: bool, last: bool, maximum: usize, sum: usize, factors: usize): void {
  const end = scores + <usize>n * step;
  const before = first ? f32x4.splat(LOWEST) : v128.load(maximum);
  let top = before;
  for (let at = scores; at < end; at += step) top = f32x4.pmax(top, v128.load(at));
  const factor = exp(f32x4.sub(before, top));
  let total = first ? f32x4.splat(0) : f32x4.mul(v128.load(sum), factor);
  for (let at = scores; at < end; at += step) {
    const weight = exp(f32x4.sub(v128.load(at), top));
    v128.store(at, weight);
    total = f32x4.add(total, weight);
  }
  v128.store(factors, factor);
  v128.store(maximum, top);
  v128.store(sum, last ? f32x4.div(f32x4.splat(1), total) : total);
}

/** out = factor * out + weights . values for up to four queries, eight dimensions at a time. */
function weigh(weights: usize, values: usize, n: i32, headDim: i32, out: usize, stride: usize, nRow: i32, first: bool, last: bool, factors: usize, inverse: usize): void {
  const by = last ? v128.load(inverse) : f32x4.splat(1);
  const b = v128.load(factors);
  const end = weights + <usize>n * 32;
  for (let i = 0; i + 8 <= headDim; i += 8, out += 32) {
    let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0;
    for (let at = weights; at < end; at += 32, values += 32) {
      const x = v128.load(values), y = v128.load(values, 16), w = v128.load(at);
      let s = splat(w, 0);
      c0 = madd(x, s, c0);
      d0 = madd(y, s, d0);
      s = splat(w, 1);
      c1 = madd(x, s, c1);
      d1 = madd(y, s, d1);
      s = splat(w, 2);
      c2 = madd(x, s, c2);
      d2 = madd(y, s, d2);
      s = splat(w, 3);
      c3 = madd(x, s, c3);
      d3 = madd(y, s, d3);
    }
    putRow(out, c0, splat(b, 0), splat(by, 0), first);
    putRow(out + 16, d0, splat(b, 0), splat(by, 0), first);
    if (nRow > 1) {
      putRow(out + stride, c1, splat(b, 1), splat(by, 1), first);
      putRow(out + stride + 16, d1, splat(b, 1), splat(by, 1), first);
    }
    if (nRow > 2) {
      putRow(out + stride * 2, c2, splat(b, 2), splat(by, 2), first);
      putRow(out + stride * 2 + 16, d2, splat(b, 2), splat(by, 2), first);
    }
    if (nRow > 3) {
      putRow(out + stride * 3, c3, splat(b, 3), splat(by, 3), first);
      putRow(out + stride * 3 + 16, d3, splat(b, 3), splat(by, 3), first);
    }
  }
  if (!(headDim & 4)) return;
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
  for (let at = weights; at < end; at += 32, values += 16) {
    const x = v128.load(values), w = v128.load(at);
    c0 = madd(x, splat(w, 0), c0);
    c1 = madd(x, splat(w, 1), c1);
    c2 = madd(x, splat(w, 2), c2);
    c3 = madd(x, splat(w, 3), c3);
  }
  putRow(out, c0, splat(b, 0), splat(by, 0), first);
  if (nRow > 1) putRow(out + stride, c1, splat(b, 1), splat(by, 1), first);
  if (nRow > 2) putRow(out + stride * 2, c2, splat(b, 2), splat(by, 2), first);
  if (nRow > 3) putRow(out + stride * 3, c3, splat(b, 3), splat(by, 3), first);
}

/** out = (factor * out + sum) * by; `first`: nothing is in out yet. */
// @ts-ignore: decorator
@inline
function putRow(out: usize, sum: v128, factor: v128, by: v128, first: bool): void {
  if (!first) sum = madd(v128.load(out), factor, sum);
  v128.store(out, f32x4.mul(sum, by));
}
