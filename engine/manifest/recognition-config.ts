/** Shape, numbers and special tokens of a recognition model (Whisper, arXiv 2212.04356). */
import { z } from 'zod';

const MAX_DIM = 1 << 24;
const dim = z.number().int().positive().max(MAX_DIM);
const token = z.number().int().nonnegative().max(MAX_DIM);
const tokens = z.array(token).max(1024);

export const recognitionConfigSchema = z.object({
  /** Bands of the log-mel features. */
  nMels: dim.max(512),
  /** Positions of the audio encoder, two frames of features each. */
  nAudioCtx: dim.max(1500),
  /** Fewest positions the encoder runs over: with fewer the decoder loops. */
  minAudioCtx: dim.max(1500),
  /** Positions of the text decoder. */
  nTextCtx: dim.max(4096),
  nEmbd: dim.max(8192),
  nHead: dim.max(256),
  nFf: dim.max(65_536),
  nAudioLayer: dim.max(256),
  nTextLayer: dim.max(256),
  nVocab: dim,
  normEps: z.number().nonnegative(),
  isMultilingual: z.boolean(),
  tokens: z.object({
    startOfTranscript: token,
    endOfText: token,
    translate: token,
    transcribe: token,
    startOfPrevious: token,
    noSpeech: token,
    noTimestamps: token,
    /** 0.00 s; each further id is 0.02 s more. */
    timestampBegin: token,
    /** Codes like `en`; none where the model knows English alone. */
    languages: z.array(z.object({ code: z.string().regex(/^[a-z]{2,3}$/), token })).max(256),
  }),
  /** Never chosen: symbols that are not spoken. */
  suppress: tokens,
  /** Not chosen first: a blank and the end. */
  suppressFirst: tokens,
  /** [layer, head] of the decoder whose attention follows the audio. */
  alignmentHeads: z
    .array(z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]))
    .max(1024),
});

export type RecognitionConfig = z.output<typeof recognitionConfigSchema>;

/** How numbers of a config contradict each other, or null: kernels rely on these relations. */
export function recognitionContradiction(c: RecognitionConfig): string | null {
  if (c.nEmbd % c.nHead !== 0) return `nEmbd ${c.nEmbd} is no multiple of nHead ${c.nHead}`;
  // Neighbouring rows are one wider row (engine/model/recognition/audio-stem.ts).
  if (c.nEmbd % 32 !== 0 || c.nFf % 32 !== 0 || c.nMels % 8 !== 0)
    return `nEmbd ${c.nEmbd}, nFf ${c.nFf} or nMels ${c.nMels} is no multiple of 32, 32 and 8`;
  if (c.minAudioCtx > c.nAudioCtx)
    return `minAudioCtx ${c.minAudioCtx} is more than nAudioCtx ${c.nAudioCtx}`;
  const { languages, ...named } = c.tokens;
  const ids = [...Object.values(named), ...languages.map((language) => language.token)];
  const most = Math.max(...ids, ...c.suppress, ...c.suppressFirst);
  if (most >= c.nVocab) return `token ${most} is outside of nVocab ${c.nVocab}`;
  if (c.tokens.timestampBegin <= c.tokens.endOfText)
    return 'timestamps stand before the end of text';
  if (c.isMultilingual && languages.length === 0) return 'a multilingual model has no languages';
  const head = c.alignmentHeads.find(([layer, h]) => layer >= c.nTextLayer || h >= c.nHead);
  return head === undefined ? null : `alignment head ${head.join('/')} does not exist`;
}
