// Steps of training that go over rows, forwards and backwards, in f32. Lengths of rows are multiples of 4 where nothing
// else is said. Threads share the work by rows, or by columns where rows are summed; no two write one value.
// References: engine/kernels/reference/training.ts.
import { exp, madd, sumF32 } from '../simd';

/** y = x rstd w, rstd = 1 / sqrt(mean(x^2) + eps), kept for the way back. */
export function rmsNorm(x: usize, w: usize, y: usize, rstd: usize, n: i32, nRow: i32, eps: f32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < rowBytes; i += 16) {
      const a = v128.load(x + i);
      sum = madd(a, a, sum);
    }
    const s: f32 = 1 / sqrt(sumF32(sum) / <f32>n + eps);
    store<f32>(rstd, s);
    const scale = f32x4.splat(s);
    for (let i: usize = 0; i < rowBytes; i += 16) v128.store(y + i, f32x4.mul(f32x4.mul(v128.load(x + i), scale), v128.load(w + i)));
    x += rowBytes;
    y += rowBytes;
    rstd += 4;
  }
}

/** dx (+)= rstd dy w - x rstd^3 mean(dy w x). */
export function rmsNormBack(dy: usize, x: usize, w: usize, rstd: usize, dx: usize, n: i32, nRow: i32, add: i32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < rowBytes; i += 16) sum = madd(f32x4.mul(v128.load(dy + i), v128.load(w + i)), v128.load(x + i), sum);
    const s = load<f32>(rstd);
    const a = f32x4.splat(s), b = f32x4.splat(-s * s * s * sumF32(sum) / <f32>n);
    for (let i: usize = 0; i < rowBytes; i += 16) {
      const g = f32x4.add(f32x4.mul(f32x4.mul(v128.load(dy + i), v128.load(w + i)), a), f32x4.mul(v128.load(x + i), b));
      v128.store(dx + i, add ? f32x4.add(v128.load(dx + i), g) : g);
    }
    dy += rowBytes;
    x += rowBytes;
    dx += rowBytes;
    rstd += 4;
  }
}

/** dw[from..to] += sum over rows of dy x rstd; from and to are multiples of 4. */
export function rmsNormBackWeight(dy: usize, x: usize, rstd: usize, dw: usize, from: i32, to: i32, n: i32, nRow: i32): void {
  const first = <usize>from * 4, end = <usize>to * 4, rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    const s = v128.load32_splat(rstd + <usize>r * 4);
    for (let i = first; i < end; i += 16) v128.store(dw + i, madd(f32x4.mul(v128.load(dy + i), v128.load(x + i)), s, v128.load(dw + i)));
    dy += rowBytes;
    x += rowBytes;
  }
}

/**
 * Rotates pairs (i, i + headDim / 2) of every head in place by the angles of a row's position, the row's number modulo
 * nPosition; `sign` -1 turns back. table: [nPosition][headDim / 2] cosines, then as many sines. headDim: a multiple of 8.
 */
export function ropeHalves(x: usize, table: usize, nHead: i32, headDim: i32, firstRow: i32, nRow: i32, nPosition: i32, sign: f32): void {
  const half = <usize>(headDim / 2) * 4;
  const sines = <usize>nPosition * half;
  const signs = f32x4.splat(sign);
  for (let r = 0; r < nRow; r++) {
    const cos = table + <usize>((firstRow + r) % nPosition) * half;
    for (let h = 0; h < nHead; h++) {
      for (let i: usize = 0; i < half; i += 16) {
        const c = v128.load(cos + i), s = f32x4.mul(v128.load(cos + sines + i), signs);
        const a = v128.load(x + i), b = v128.load(x + half + i);
        v128.store(x + i, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
        v128.store(x + half + i, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
      }
      x += 2 * half;
    }
  }
}

// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/** y = gate sigmoid(gate) up. */
export function swiglu(gate: usize, up: usize, y: usize, n: i32): void {
  for (let i: usize = 0, end = <usize>n * 4; i < end; i += 16) {
    const g = v128.load(gate + i);
    v128.store(y + i, f32x4.mul(f32x4.mul(g, sigmoid(g)), v128.load(up + i)));
  }
}

export function swigluBack(gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize, n: i32): void {
  const one = f32x4.splat(1);
  for (let i: usize = 0, end = <usize>n * 4; i < end; i += 16) {
    const g = v128.load(gate + i), d = v128.load(dy + i), s = sigmoid(g);
    v128.store(dUp + i, f32x4.mul(d, f32x4.mul(g, s)));
    const slope = f32x4.mul(s, f32x4.add(one, f32x4.mul(g, f32x4.sub(one, s))));
    v128.store(dGate + i, f32x4.mul(f32x4.mul(d, v128.load(up + i)), slope));
  }
}

/**
 * Row i of s[nRow, n] becomes the softmax of its first `first` + i + 1 values times `scale`; the others 0. Any n: rows
 * follow each other without a gap.
 */
export function softmaxCausal(s: usize, first: i32, nRow: i32, n: i32, scale: f32): void {
  for (let i = 0; i < nRow; i++) {
    const row = s + <usize>(i * n) * 4, length = first + i + 1;
    softmaxRow(row, length, scale);
    if (length < n) memory.fill(row + <usize>length * 4, 0, <usize>(n - length) * 4);
  }
}

/** Softmax of n values times `scale` in place. @returns the logarithm of the sum of exponentials */
function softmaxRow(row: usize, n: i32, scale: f32): f32 {
  let tops = f32x4.splat(-f32.MAX_VALUE);
  let j = 0;
  for (; j + 4 <= n; j += 4) tops = f32x4.pmax(v128.load(row + <usize>j * 4), tops);
  let top = max(
    max(f32x4.extract_lane(tops, 0), f32x4.extract_lane(tops, 1)),
    max(f32x4.extract_lane(tops, 2), f32x4.extract_lane(tops, 3)),
  );
  for (; j < n; j++) top = max(top, load<f32>(row + <usize>j * 4));
  const shift = f32x4.splat(top), scales = f32x4.splat(scale);
  let sums = f32x4.splat(0);
  j = 0;
  for (; j + 4 <= n; j += 4) {
    const at = row + <usize>j * 4;
    const e = exp(f32x4.mul(f32x4.sub(v128.load(at), shift), scales));
    sums = f32x4.add(sums, e);
    v128.store(at, e);
  }
  let sum = sumF32(sums);
  for (; j < n; j++) {
    const at = row + <usize>j * 4;
    const e = f32x4.extract_lane(exp(f32x4.splat((load<f32>(at) - top) * scale)), 0);
    sum += e;
    store<f32>(at, e);
  }
  const inverse = f32x4.splat(1 / sum);
  for (j = 0; j + 4 <= n; j += 4) {
    const at = row + <usize>j * 4;
    v128.store(at, f32x4.mul(v128.load(at), inverse));
  }
  for (; j < n; j++) {
    const at = row + <usize>j * 4;
    store<f32>(at, load<f32>(at) / sum);
  }
  return top * scale + <f32>Math.log(<f64>sum);
}

/**
 * dp, the slopes of p = softmax(scale s), become those of s: scale p (dp - sum(p dp)). Any n; p is 0 after a row's own
 * values, and the slopes become 0 there.
 */
export function softmaxCausalBack(p: usize, dp: usize, nRow: i32, n: i32, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (let i = 0; i < nRow; i++) {
    let sums = f32x4.splat(0);
    let j = 0;
    for (; j + 4 <= n; j += 4) sums = madd(v128.load(p + <usize>j * 4), v128.load(dp + <usize>j * 4), sums);
    let sum = sumF32(sums);
    for (; j < n; j++) sum += load<f32>(p + <usize>j * 4) * load<f32>(dp + <usize>j * 4);
    const shift = f32x4.splat(sum);
    for (j = 0; j + 4 <= n; j += 4) {
      const at = <usize>j * 4;
      v128.store(dp + at, f32x4.mul(f32x4.mul(v128.load(p + at), scales), f32x4.sub(v128.load(dp + at), shift)));
    }
    for (; j < n; j++) {
      const at = <usize>j * 4;
      store<f32>(dp + at, scale * load<f32>(p + at) * (load<f32>(dp + at) - sum));
    }
    p += <usize>n * 4;
    dp += <usize>n * 4;
  }
}

/**
 * Per row: loss = weight (log sum exp(logits) - logits[target]); logits become their slopes, weight (softmax - one at
 * the target). A row without weight costs nothing and may have any target. Any n.
 */
export function crossEntropy(logits: usize, targets: usize, weights: usize, losses: usize, n: i32, nRow: i32): void {
  for (let r = 0; r < nRow; r++) {
    const weight = load<f32>(weights + <usize>r * 4);
    if (weight == 0) {
      memory.fill(logits, 0, <usize>n * 4);
      store<f32>(losses + <usize>r * 4, 0);
    } else {
      const at = logits + <usize>load<u32>(targets + <usize>r * 4) * 4;
      const wanted = load<f32>(at);
      store<f32>(losses + <usize>r * 4, weight * (softmaxRow(logits, n, 1) - wanted));
      store<f32>(at, load<f32>(at) - 1);
      scaleValues(logits, weight, n);
    }
    logits += <usize>n * 4;
  }
}

/**
 * Per row the divergence of p from the softmax of its logits, times weight: sum p (log p - log softmax), where p has `k`
 * shares that sum to 1, at ids that differ, and is 0 elsewhere. Logits become their slopes, weight (softmax - p). A row
 * without weight costs nothing. Any n.
 */
export function divergence(logits: usize, ids: usize, shares: usize, k: i32, weights: usize, losses: usize, n: i32, nRow: i32): void {
  const rowBytes = <usize>k * 4;
  for (let r = 0; r < nRow; r++) {
    const weight = load<f32>(weights + <usize>r * 4);
    if (weight == 0) {
      memory.fill(logits, 0, <usize>n * 4);
      store<f32>(losses + <usize>r * 4, 0);
    } else {
      // In double precision: the sum is small beside its terms.
      let wanted: f64 = 0;
      for (let j: usize = 0; j < rowBytes; j += 4) {
        const share = <f64>load<f32>(shares + j);
        if (share > 0) wanted += share * (Math.log(share) - <f64>load<f32>(logits + <usize>load<u32>(ids + j) * 4));
      }
      store<f32>(losses + <usize>r * 4, <f32>(<f64>weight * (wanted + <f64>softmaxRow(logits, n, 1))));
      for (let j: usize = 0; j < rowBytes; j += 4) {
        const at = logits + <usize>load<u32>(ids + j) * 4;
        store<f32>(at, load<f32>(at) - load<f32>(shares + j));
      }
      scaleValues(logits, weight, n);
    }
    logits += <usize>n * 4;
    ids += rowBytes;
    shares += rowBytes;
  }
}

/** y = scale x / |x| by rows; 1 / |x| is kept for the way back. A row of zeros stays one. */
export function unitRows(x: usize, y: usize, inverses: usize, n: i32, nRow: i32, scale: f32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < rowBytes; i += 16) {
      const a = v128.load(x + i);
      sum = madd(a, a, sum);
    }
    const square = sumF32(sum);
    const inverse: f32 = square > 0 ? 1 / sqrt(square) : 0;
    store<f32>(inverses, inverse);
    const factor = f32x4.splat(scale * inverse);
    for (let i: usize = 0; i < rowBytes; i += 16) v128.store(y + i, f32x4.mul(v128.load(x + i), factor));
    x += rowBytes;
    y += rowBytes;
    inverses += 4;
  }
}

/** dx = (scale dy - y (y dy) / scale) / |x|. */
export function unitRowsBack(dy: usize, y: usize, inverses: usize, dx: usize, n: i32, nRow: i32, scale: f32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < rowBytes; i += 16) sum = madd(v128.load(y + i), v128.load(dy + i), sum);
    const inverse = load<f32>(inverses);
    const a = f32x4.splat(scale * inverse), b = f32x4.splat((-inverse * sumF32(sum)) / scale);
    for (let i: usize = 0; i < rowBytes; i += 16) v128.store(dx + i, f32x4.add(f32x4.mul(v128.load(dy + i), a), f32x4.mul(v128.load(y + i), b)));
    dy += rowBytes;
    y += rowBytes;
    dx += rowBytes;
    inverses += 4;
  }
}

/** out[r] = table[ids[r]]. */
export function gatherRows(table: usize, ids: usize, out: usize, n: i32, nRow: i32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) memory.copy(out + <usize>r * rowBytes, table + <usize>load<u32>(ids + <usize>r * 4) * rowBytes, rowBytes);
}

/** dTable[ids[r]] += dy[r] in columns from..to, multiples of 4. */
export function scatterRows(dy: usize, ids: usize, dTable: usize, from: i32, to: i32, n: i32, nRow: i32): void {
  const rowBytes = <usize>n * 4, first = <usize>from * 4, end = <usize>to * 4;
  for (let r = 0; r < nRow; r++) {
    const row = dTable + <usize>load<u32>(ids + <usize>r * 4) * rowBytes;
    for (let i = first; i < end; i += 16) v128.store(row + i, f32x4.add(v128.load(row + i), v128.load(dy + i)));
    dy += rowBytes;
  }
}

/** y = a + b. */
export function addRows(a: usize, b: usize, y: usize, n: i32): void {
  for (let i: usize = 0, end = <usize>n * 4; i < end; i += 16) v128.store(y + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
}

/** Row r of x times factors[r], in place. Any n. */
export function scaleRows(x: usize, factors: usize, n: i32, nRow: i32): void {
  for (let r = 0; r < nRow; r++) {
    scaleValues(x, load<f32>(factors + <usize>r * 4), n);
    x += <usize>n * 4;
  }
}

/** n values of x times a factor, in place. */
function scaleValues(x: usize, factor: f32, n: i32): void {
  const factor4 = f32x4.splat(factor);
  let j = 0;
  for (; j + 4 <= n; j += 4) v128.store(x + <usize>j * 4, f32x4.mul(v128.load(x + <usize>j * 4), factor4));
  for (; j < n; j++) store<f32>(x + <usize>j * 4, load<f32>(x + <usize>j * 4) * factor);
}

/** Every row of x plus bias[n], in place. */
export function addBias(x: usize, bias: usize, n: i32, nRow: i32): void {
  const rowBytes = <usize>n * 4;
  for (let r = 0; r < nRow; r++) {
    for (let i: usize = 0; i < rowBytes; i += 16) v128.store(x + i, f32x4.add(v128.load(x + i), v128.load(bias + i)));
    x += rowBytes;
  }
}

/** y = x. */
export function copy(x: usize, y: usize, n: i32): void {
  memory.copy(y, x, <usize>n * 4);
}

/** x = 0. */
export function clear(x: usize, n: i32): void {
  memory.fill(x, 0, <usize>n * 4);
}
