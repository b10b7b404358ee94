/**
 * A decoder of Llama's form, with a low-rank adapter, a trained prefix or neither, with eyes or without, in float64, and the slopes of its loss by automatic differentiation
 * of another project (jax-js): nothing of it is shared with what it checks.
 */
import { nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { Pass, Shares } from '../../scripts/finetune/adapter-training.ts';
import type { BatchVectors } from '../../scripts/train/training.ts';

export interface PlainMatrix {
  readonly nRow: number;
  readonly nCol: number;
  readonly values: Float64Array;
}
type Leaf = ReturnType<typeof np.array>;
type Tree = Record<string, Leaf>;

const DTYPE = { dtype: np.float64 } as const;
const leaf = ({ nRow, nCol, values }: PlainMatrix): Leaf =>
  np.array(values.slice(), DTYPE).reshape([nRow, nCol]);
const constant = (values: ArrayLike<number>, shape: number[]): Leaf =>
  np.array(Float64Array.from(values), DTYPE).reshape(shape);

/**
 * @param base weights by the engine's names, rows as they are stored
 * @param learned `<weight>.a` and `<weight>.b` of an adapter, rows of b in the stored order; keys and values of a prefix,
 *   `layers.<i>.prefix.keys` and `.values`, columns in the stored order; or weights themselves
 * @param gates factor of the adapter per row
 * @param vectors what takes rows in place of tokens, by the name of its projector
 * @returns the sum of the weighted losses, and the slopes by what is learned
 */
export async function jaxDecoder(
  c: ModelConfig,
  base: ReadonlyMap<string, PlainMatrix>,
  learned: ReadonlyMap<string, PlainMatrix>,
  { tokens, starts, picks, targets, weights, shares = null, pictures = null }: Pass,
  gates: ArrayLike<number>,
  vectors: ReadonlyMap<string, BatchVectors> = new Map(),
): Promise<{ readonly loss: number; readonly slopes: ReadonlyMap<string, Float64Array> }> {
  const fixed = new Map([...base].map(([name, matrix]) => [name, leaf(matrix)]));
  const nRow = tokens.length;
  const gate = constant(gates, [nRow, 1]);
  const nPrefix = learned.get('layers.0.prefix.keys')?.nRow ?? 0;
  const [cosines, sines] = angles(c, starts, nRow, nPrefix);
  const mask = causalMask(starts, nRow, nPrefix);
  const shownPictures = pictures === null ? [] : [pictures];
  const taken = new Set([...vectors.values(), ...shownPictures].flatMap(({ rows }) => [...rows]));
  const shown = oneHot(tokens, c.nVocab, taken);
  const segments = [...vectors].map(([name, { values, rows, places }]) => ({
    name: `projectors.${name}`,
    given: constant(values, [rows.length, values.length / rows.length]),
    // [nRow, vectors]: where each goes.
    into: np.transpose(oneHot(rows, nRow)),
    places,
  }));
  const seen = shownPictures.map(({ values, rows, places }) => ({
    given: constant(values, [rows.length, values.length / rows.length]),
    into: np.transpose(oneHot(rows, nRow)),
    places,
  }));
  const chosen = oneHot(picks, nRow);
  const wanted =
    shares === null ? oneHot(targets, c.nVocab) : spread(shares, picks.length, c.nVocab);
  const counts = constant(weights, [weights.length, 1]);

  const forward = (tree: Tree): Leaf => {
    const w = (name: string): Leaf => (tree[name] ?? fixed.get(name)!).ref;
    const linear = (x: Leaf, name: string): Leaf => {
      const product = np.matmul(x.ref, np.transpose(w(name)));
      const bias = fixed.get(name.replace(/Proj$/, 'Bias'));
      const y = bias === undefined ? product : product.add(bias.ref);
      const [a, b] = [tree[`${name}.a`], tree[`${name}.b`]];
      if (a === undefined || b === undefined) return y;
      const low = np.matmul(x.ref, np.transpose(a.ref)).mul(gate.ref);
      return y.add(np.matmul(low, np.transpose(b.ref)));
    };
    const norm = (x: Leaf, name: string): Leaf => {
      const mean = np.mean(np.square(x.ref), 1, { keepdims: true });
      return x.ref.div(np.sqrt(mean.add(c.normEps))).mul(w(name));
    };
    let x = np.matmul(shown.ref, w('tokEmbd'));
    for (const { name, given, into, places } of segments) {
      const positions = w(`${name}.positions.weight`);
      const placed = np.matmul(oneHot(places, positions.shape[0]!), positions);
      const map = np.transpose(w(`${name}.linear.weight`));
      x = x.add(np.matmul(into.ref, np.matmul(given.ref, map).add(placed)));
    }
    for (const { given, into, places } of seen) {
      const inside = nn.silu(np.matmul(given.ref, np.transpose(w('eyes.hidden.weight'))));
      const positions = w('eyes.positions.weight');
      const placed = np.matmul(oneHot(places, positions.shape[0]!), positions);
      const made = np.matmul(inside, np.transpose(w('eyes.out.weight'))).add(placed);
      x = x.add(np.matmul(into.ref, norm(made, 'eyes.gain')));
    }
    for (let i = 0; i < c.nLayer; i++) {
      const part = (name: string): string => `layers.${i}.${name}`;
      const read = norm(x, part('attnNorm'));
      const turned = (name: string, nHead: number): Leaf =>
        turn(linear(read, part(name)).reshape([nRow, nHead, c.headDim]), c);
      const before = (side: string, own: Leaf): Leaf => {
        const found = tree[part(`prefix.${side}`)];
        if (found === undefined) return own;
        return np.concatenate([found.ref.reshape([nPrefix, c.nKvHead, c.headDim]), own], 0);
      };
      const q = turned('qProj', c.nHead);
      const k = before('keys', turned('kProj', c.nKvHead));
      const own = linear(read, part('vProj')).reshape([nRow, c.nKvHead, c.headDim]);
      const v = before('values', own);
      const group = c.nHead / c.nKvHead;
      const scores = np.einsum('ihd,jhd->hij', q, np.repeat(k, group, 1));
      const shares = nn.softmax(scores.div(Math.sqrt(c.headDim)).add(mask.ref), -1);
      const mixed = np.einsum('hij,jhd->ihd', shares, np.repeat(v, group, 1));
      x = x.ref.add(linear(mixed.reshape([nRow, c.nHead * c.headDim]), part('oProj')));
      const fed = norm(x, part('ffnNorm'));
      const gated = nn.silu(linear(fed, part('gateProj')));
      x = x.ref.add(linear(gated.mul(linear(fed, part('upProj'))), part('downProj')));
    }
    const last = np.matmul(chosen.ref, norm(x, 'outputNorm'));
    const logits = np.matmul(last, np.transpose(w(c.tiedHead ? 'tokEmbd' : 'head')));
    return nn.logSoftmax(logits, -1).mul(wanted.ref).mul(counts.ref).sum().neg();
  };
  /** Pairs of neighbours, or half a head apart. */
  const turn = (x: Leaf, { headDim, ropePairing }: ModelConfig): Leaf => {
    const half = headDim / 2;
    const nHead = x.shape[1]!;
    const isNear = ropePairing === 'adjacent';
    const pairs = x.reshape(isNear ? [nRow, nHead, half, 2] : [nRow, nHead, 2, half]);
    const axis = isNear ? 3 : 2;
    const [a, b] = np.split(pairs, 2, axis).map((one) => one.reshape([nRow, nHead, half]));
    const first = a!.ref.mul(cosines.ref).sub(b!.ref.mul(sines.ref));
    const second = b!.mul(cosines.ref).add(a!.mul(sines.ref));
    return np.stack([first, second], axis).reshape([nRow, nHead, headDim]);
  };

  const tree: Tree = Object.fromEntries([...learned].map(([name, matrix]) => [name, leaf(matrix)]));
  const [loss, slopes] = valueAndGrad(forward)(tree);
  // What a divergence has beside the cross entropy, which nothing that is learned changes.
  const entropy = shares === null ? 0 : negativeEntropy(shares, weights);
  const found = new Map<string, Float64Array>();
  for (const [name, slope] of Object.entries(slopes))
    found.set(name, Float64Array.from(await slope.data()));
  return { loss: (await loss.data())[0]! + entropy, slopes: found };
}

function angles(
  { headDim, ropeTheta }: ModelConfig,
  starts: Uint32Array,
  nRow: number,
  nPrefix: number,
) {
  const half = headDim / 2;
  const each = (fn: (angle: number) => number): Leaf =>
    constant(
      Array.from({ length: nRow * half }, (_, at) => {
        const [row, i] = [Math.floor(at / half), at % half];
        const first = starts.findLast((start) => start <= row)!;
        return fn((nPrefix + row - first) * ropeTheta ** (-i / half));
      }),
      [nRow, 1, half],
    );
  return [each(Math.cos), each(Math.sin)] as const;
}

/** 0 where a row sees another: one before all sequences, or an earlier one of its own. */
function causalMask(starts: Uint32Array, nRow: number, nPrefix: number): Leaf {
  const nKey = nPrefix + nRow;
  const values = Array.from({ length: nRow * nKey }, (_, at) => {
    const [row, other] = [Math.floor(at / nKey), (at % nKey) - nPrefix];
    const first = starts.findLast((start) => start <= row)!;
    return other < 0 || (other <= row && other >= first) ? 0 : -1e30;
  });
  return constant(values, [1, nRow, nKey]);
}

/** What a teacher says, [n, nVocab]. */
function spread({ ids, values }: Shares, n: number, nVocab: number): Leaf {
  const k = ids.length / n;
  const all = new Float64Array(n * nVocab);
  for (const [at, id] of ids.entries()) all[Math.floor(at / k) * nVocab + id]! += values[at]!;
  return constant(all, [n, nVocab]);
}

/** Sum of p log p by weight. */
function negativeEntropy({ values }: Shares, weights: Float32Array): number {
  const k = values.length / weights.length;
  return values.reduce(
    (sum, p, at) => sum + (p === 0 ? 0 : weights[Math.floor(at / k)]! * p * Math.log(p)),
    0,
  );
}

/** @param without rows that are left zero */
function oneHot(ids: Uint32Array, n: number, without: ReadonlySet<number> = new Set()): Leaf {
  const values = new Float64Array(ids.length * n);
  for (const [row, id] of ids.entries()) if (!without.has(row)) values[row * n + id] = 1;
  return constant(values, [ids.length, n]);
}
