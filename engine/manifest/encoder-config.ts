/** Shape and numbers of an encoder of text. */
import { z } from 'zod';
import { dim, MAX_DIM } from './about.ts';

/** Of rerankers and classifiers. */
export const MAX_CLASSES = 64;

/** Shape and numbers of a bidirectional encoder of text (BERT, arXiv 1810.04805). */
export const encoderConfigSchema = z.object({
  nLayer: dim.max(1024),
  nEmbd: dim,
  nHead: dim.max(4096),
  nFf: dim,
  nVocab: dim,
  /** Positions the model has rows for. */
  nCtx: dim.max(32_768),
  /** The longest text it was made for, special tokens included. */
  maxTokens: dim.max(32_768),
  /** Rows of the table of token types, of which the first is used; 0 without a table. */
  nTokenType: z.number().int().nonnegative().max(64),
  normEps: z.number().nonnegative(),
  /** Heads of keys and values; nHead by default. */
  nKvHead: dim.max(4096).optional(),
  /** Values of a head; nEmbd / nHead by default. */
  headDim: dim.max(1024).optional(),
  /** Base of rotary positions (halves of a head rotate together); learned positions without it. */
  ropeTheta: z.number().positive().optional(),
  /** The base of layers with a window. */
  localRopeTheta: z.number().positive().optional(),
  /** Positions to each side that a layer sees, 0 for all. */
  windows: z.array(z.number().int().nonnegative().max(MAX_DIM)).max(1024).optional(),
  /** Factor of embeddings. */
  embeddingScale: z.number().positive().optional(),
  /** Width between two products that a text's vector goes through. */
  nDense: dim.max(65_536).optional(),
  /** How a text's vector is made of those of its tokens; 'rank': a score is made of one of them (rerankers). */
  pooling: z.enum(['mean', 'cls', 'last', 'rank']),
  /** Scores that a reranker gives a query and a passage; the first is the relevance. */
  nClass: dim.max(MAX_CLASSES).optional(),
  /** Names of the classes, in the order of their scores, where the model's file states them. */
  labels: z.array(z.string().min(1).max(200)).max(MAX_CLASSES).optional(),
  /** Rows after the first token of this id have the second token type: the passage of a pair. */
  secondTypeAfterId: z.number().int().nonnegative().optional(),
  /** What a reranker reads, with {query} and {document}, as its file states it. */
  rerankTemplate: z.string().max(20_000).optional(),
  /** Ids between query and passage where a reranker has no template; by default the one that ends a text. */
  pairSeparatorIds: z.array(z.number().int().nonnegative()).max(4).optional(),
  /** Of models that rank by late interaction, too: a vector for each token (ColBERT, arXiv 2004.12832). */
  late: z
    .strictObject({
      /** Values of a token's vector. */
      width: dim.max(1024).multipleOf(8),
      /** Added to what a token's weight is made of. */
      importanceOffset: z.number(),
      /** How much the cosine of the texts' own vectors counts beside that of their tokens. */
      textShare: z.number().nonnegative(),
      /** A score of 0 to 1 is the sigmoid of scale * both + offset. */
      scale: z.number().positive(),
      offset: z.number(),
    })
    .optional(),
  /** Whether vectors are made to have length one. */
  normalize: z.boolean(),
  /** What the model was trained to see before a question and before a passage. */
  queryPrefix: z.string().max(500),
  documentPrefix: z.string().max(500),
});

export type EncoderConfig = z.output<typeof encoderConfigSchema>;

/** How numbers of an encoder's config contradict each other, or null. */
export function encoderContradiction(c: EncoderConfig): string | null {
  const { nHead, nKvHead = nHead, headDim = c.nEmbd / nHead } = c;
  if (c.headDim === undefined && c.nEmbd % (4 * nHead) !== 0)
    return `nEmbd ${c.nEmbd} is not a multiple of four times nHead ${nHead}`;
  if (headDim % 4 !== 0) return `headDim ${headDim} is not a multiple of four`;
  if (nHead % nKvHead !== 0) return `nHead ${nHead} is not a multiple of nKvHead ${nKvHead}`;
  if (c.windows !== undefined && c.windows.length !== c.nLayer)
    return `${c.windows.length} windows for ${c.nLayer} layers`;
  if ((c.pooling === 'rank') !== (c.nClass !== undefined))
    return `pooling ${c.pooling} with ${c.nClass ?? 'no'} classes`;
  if (c.pooling === 'rank' && c.late !== undefined) return 'pooling rank with late interaction';
  if (c.labels !== undefined && c.labels.length !== c.nClass)
    return `${c.labels.length} labels for ${c.nClass ?? 'no'} classes`;
  if (c.secondTypeAfterId !== undefined && c.nTokenType < 2)
    return `secondTypeAfterId with ${c.nTokenType} token types`;
  const unknown = c.pairSeparatorIds?.find((id) => id >= c.nVocab);
  if (unknown !== undefined) return `pairSeparatorIds ${unknown} of ${c.nVocab} tokens`;
  return c.maxTokens > c.nCtx ? `maxTokens ${c.maxTokens} is more than nCtx ${c.nCtx}` : null;
}
