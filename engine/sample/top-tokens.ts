/** The `n` most likely ids of `logits`, most likely first; ties by id. */
export function topTokens(logits: Float32Array, n: number): number[] {
  const best: number[] = [];
  if (n === 0) return best;
  let worst = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const x = logits[token]!;
    if (best.length === n && x <= worst) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < x) at--;
    best.splice(at, 0, token);
    if (best.length > n) best.pop();
    worst = logits[best.at(-1)]!;
  }
  return best;
}
