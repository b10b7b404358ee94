/** Shape and numbers of a decoder of text. */
import { z } from 'zod';
import { dim, MAX_DIM } from './about.ts';
import { modalitiesSchema } from './modalities.ts';

/** Experts of all layers together: each has tensors of its own, listed before they are looked for. */
const MAX_EXPERTS = 32_768;

const ropeFactors = z.array(z.number().positive()).max(1024);
const ropeScaling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  /** Positions divided by `factor`. */
  z.object({ kind: z.literal('linear'), factor: z.number().positive() }),
  /** Llama 3's frequency-dependent scaling. */
  z.object({
    kind: z.literal('llama3'),
    factor: z.number().positive(),
    lowFreqFactor: z.number().positive(),
    highFreqFactor: z.number().positive(),
    originalCtx: dim,
  }),
  /** YaRN (arXiv 2309.00071); attnFactor multiplies cosines and sines as it stands. */
  z.object({
    kind: z.literal('yarn'),
    factor: z.number().positive(),
    originalCtx: dim,
    betaFast: z.number().positive(),
    betaSlow: z.number().positive(),
    attnFactor: z.number().positive(),
  }),
  /** Per-frequency divisors, as GGUF's rope_freqs tensor gives them ([headDim / 2]). */
  z.object({ kind: z.literal('factors'), factors: ropeFactors }),
  /** Per-frequency divisors for contexts up to `originalCtx` and beyond (arXiv 2402.13753). */
  z.object({
    kind: z.literal('longrope'),
    short: ropeFactors,
    long: ropeFactors,
    originalCtx: dim,
    attnFactor: z.number().positive(),
  }),
]);

/** Shape and numbers of a decoder; names as in ARCHITECTURE.md's glossary. */
export const modelConfigSchema = z.object({
  nLayer: dim.max(1024),
  nEmbd: dim,
  nHead: dim.max(4096),
  nKvHead: dim.max(4096),
  headDim: dim.max(1024),
  nFf: dim,
  nVocab: dim,
  /** Positions the model was trained for. */
  nCtx: dim,
  normEps: z.number().nonnegative(),
  ropeTheta: z.number().positive(),
  /** Which two values rotate together: (2i, 2i+1) or (i, i + ropeDim/2). */
  ropePairing: z.enum(['adjacent', 'half']),
  /** Leading values of a head that rotate; the rest pass. 0 when positions are learned. */
  ropeDim: z.number().int().nonnegative().max(1024),
  ropeScaling,
  tiedHead: z.boolean(),
  /** RoPE base of layers with a window, which ignore ropeTheta and ropeScaling. */
  localRopeTheta: z.number().positive().optional(),
  /** Positions each layer attends to, 0 for all; without the list all layers attend to all. */
  windows: z.array(z.number().int().nonnegative().max(MAX_DIM)).max(1024).optional(),
  /** Layers whose queries and keys do not rotate; without the list all do. */
  unrotated: z.array(z.boolean()).max(1024).optional(),
  /** Factor of attention scores before their softmax; 1 / sqrt(headDim) by default. */
  attentionScale: z.number().positive().optional(),
  /** Scores become cap tanh(score / cap). */
  attentionSoftcap: z.number().positive().optional(),
  /** The same for logits. */
  logitSoftcap: z.number().positive().optional(),
  /** Logits are divided by this. */
  logitDivisor: z.number().positive().optional(),
  /** Factor of embeddings. */
  embeddingScale: z.number().positive().optional(),
  /** Factor of what each half of a layer adds. */
  residualScale: z.number().positive().optional(),
  nExpert: dim.max(1024).optional(),
  /** Experts that evaluate each token. */
  nExpertUsed: dim.max(1024).optional(),
  /** Whether the weights of a token's experts are made to sum to one. */
  normalizeExperts: z.boolean().optional(),
  /** What it reads beside text, through projectors of its own. */
  modalities: modalitiesSchema.optional(),
});

export type ModelConfig = z.output<typeof modelConfigSchema>;
export type RopeScaling = ModelConfig['ropeScaling'];

/** How numbers of a config contradict each other, or null: kernels rely on these relations. */
export function configContradiction(c: ModelConfig): string | null {
  if (c.nHead % c.nKvHead !== 0)
    return `nHead ${c.nHead} is not a multiple of nKvHead ${c.nKvHead}`;
  if (c.ropeDim % 2 !== 0 || c.ropeDim > c.headDim)
    return `ropeDim ${c.ropeDim} does not fit headDim ${c.headDim}`;
  const wrongFactors = ropeFactorLists(c.ropeScaling).find(
    ({ length }) => length * 2 !== c.ropeDim,
  );
  if (wrongFactors !== undefined)
    return `${wrongFactors.length} rope factors for ropeDim ${c.ropeDim}`;
  if (c.windows !== undefined && c.windows.length !== c.nLayer)
    return `${c.windows.length} windows for ${c.nLayer} layers`;
  if (c.unrotated !== undefined && c.unrotated.length !== c.nLayer)
    return `${c.unrotated.length} values of unrotated for ${c.nLayer} layers`;
  const { image, audio } = c.modalities ?? {};
  const marker = [image, audio]
    .flatMap((one) => (one === undefined ? [] : [one.beginId, one.endId]))
    .find((id) => id >= c.nVocab);
  if (marker !== undefined) return `marker ${marker} of ${c.nVocab} tokens`;
  const [used, of] = [c.nExpertUsed ?? 0, c.nExpert ?? 0];
  if (of * c.nLayer > MAX_EXPERTS)
    return `${of} experts in ${c.nLayer} layers, more than ${MAX_EXPERTS}`;
  return used > of || (of > 0 && used === 0) ? `nExpertUsed ${used} of ${of} experts` : null;
}

function ropeFactorLists(scaling: RopeScaling): readonly (readonly number[])[] {
  if (scaling.kind === 'factors') return [scaling.factors];
  return scaling.kind === 'longrope' ? [scaling.short, scaling.long] : [];
}
