/** Sizes and choices of bidirectional layers; what BERT and Whisper have is the default of every choice. */
import type { EncoderFamily, EncoderFfn } from '../../archs/types.ts';
import type { EncoderConfig } from '../../manifest/manifest.ts';

export interface EncoderShape {
  readonly nLayer: number;
  readonly nEmbd: number;
  readonly nHead: number;
  /** Heads of keys and values, which groups of query heads share; nHead by default. */
  readonly nKvHead?: number;
  /** Values of a head; nEmbd / nHead by default. */
  readonly headDim?: number;
  readonly nFf: number;
  readonly normEps: number;
  /** Where the norm of a half is: before it, after its sum, or before it and before what it adds is added. */
  readonly normed: EncoderFamily['normed'];
  readonly norm?: EncoderFamily['norm'];
  readonly ffn?: EncoderFfn;
  readonly sight?: EncoderFamily['sight'];
  /** Positions to each side that a layer sees, 0 for all; without the list all layers see all. */
  readonly windows?: readonly number[];
}

/** The same with every choice made. */
export interface WholeShape extends Required<Omit<EncoderShape, 'windows'>> {
  readonly windows: readonly number[];
  readonly qWidth: number;
  readonly kvWidth: number;
}

export function wholeShape(shape: EncoderShape): WholeShape {
  const { nHead, nKvHead = nHead, headDim = shape.nEmbd / nHead } = shape;
  return {
    norm: 'layer',
    ffn: 'gelu-erf',
    sight: 'both',
    windows: [],
    ...shape,
    nKvHead,
    headDim,
    qWidth: nHead * headDim,
    kvWidth: nKvHead * headDim,
  };
}

/** The layers of a text encoder. */
export function textShape(family: EncoderFamily, config: EncoderConfig): WholeShape {
  const { nLayer, nEmbd, nHead, nKvHead, headDim, nFf, normEps, windows } = config;
  const { normed, norm, ffn, sight } = family;
  return wholeShape({
    ...{ nLayer, nEmbd, nHead, nFf, normEps, normed, norm, ffn, sight },
    ...(nKvHead === undefined ? {} : { nKvHead }),
    ...(headDim === undefined ? {} : { headDim }),
    ...(windows === undefined ? {} : { windows }),
  });
}
