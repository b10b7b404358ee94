/** Plain references of norms, rotary positions, activation and softmax, in float64. */

/** x / sqrt(mean(x^2) + eps) * weight. */
export function rmsNormReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  eps: number,
): Float64Array {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  const r = 1 / Math.sqrt(sum / x.length + eps);
  return Float64Array.from(x, (v, i) => v * r * weight[i]!);
}

/**
 * Rotates one head in place; `angles` holds the angle of each pair, [ropeDim / 2].
 * 'adjacent' pairs (2i, 2i+1), 'half' pairs (i, i + ropeDim/2).
 */
export function ropeReference(
  head: Float64Array,
  angles: ArrayLike<number>,
  pairing: 'adjacent' | 'half',
): void {
  for (let i = 0; i < angles.length; i++) {
    const [a, b] = pairing === 'adjacent' ? [2 * i, 2 * i + 1] : [i, i + angles.length];
    const [x, y] = [head[a]!, head[b]!];
    const [c, s] = [Math.cos(angles[i]!), Math.sin(angles[i]!)];
    head[a] = x * c - y * s;
    head[b] = x * s + y * c;
  }
}

export function siluReference(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** (x - mean(x)) / sqrt(var(x) + eps) * weight + bias. */
export function layerNormReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  eps: number,
): Float64Array {
  const values = Float64Array.from(x);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  const r = 1 / Math.sqrt(variance + eps);
  return values.map((v, i) => (v - mean) * r * weight[i]! + bias[i]!);
}

/** GELU in its tanh form. */
export function geluReference(x: number): number {
  return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** GELU as it is defined; erf as its Taylor series, beyond |x| of 5 within 1e-6 of its limits. */
export function geluErfReference(x: number): number {
  const z = x / Math.SQRT2;
  if (Math.abs(x) > 5) return x > 0 ? x : 0;
  let [term, sum] = [z, z];
  for (let n = 1; n < 100; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (x / 2) * (1 + (2 / Math.sqrt(Math.PI)) * sum);
}

export function softcapReference(x: number, cap: number): number {
  return cap * Math.tanh(x / cap);
}

/** Softmax, in place. */
export function softmaxReference(x: Float64Array): void {
  const top = x.reduce((m, v) => Math.max(m, v), -Infinity);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] = Math.exp(x[i]! - top);
  for (let i = 0; i < x.length; i++) x[i]! /= sum;
}
