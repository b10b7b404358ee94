/** The two special tokens of a base between which a picture stands: such that nothing else in a conversation has them. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';

export interface EyeMarkers {
  readonly beginId: number;
  readonly endId: number;
  /** Both names, as they stand in a rendered text. */
  readonly literal: string;
}

/**
 * The last two special tokens that the template does not write: users' texts never become special tokens.
 * @throws {EngineError} E_USAGE for a base without two
 */
export function eyeMarkers(
  tokenizer: Pick<Tokenizer, 'specialLiterals' | 'encode' | 'facts'>,
  chatTemplate: string | null,
): EyeMarkers {
  const { bosId, eosIds } = tokenizer.facts;
  const taken = [bosId, ...eosIds];
  const free = tokenizer.specialLiterals
    .filter((literal) => chatTemplate !== null && !chatTemplate.includes(literal))
    .map((literal) => ({ literal, ids: tokenizer.encode(literal, { special: true, bos: false }) }))
    .filter(({ ids }) => ids.length === 1 && !taken.includes(ids[0]!))
    .toSorted((a, b) => a.ids[0]! - b.ids[0]!);
  const [begin, end] = free.slice(-2);
  if (begin !== undefined && end !== undefined)
    return {
      ...{ beginId: begin.ids[0]!, endId: end.ids[0]! },
      literal: begin.literal + end.literal,
    };
  throw new EngineError(
    'E_USAGE',
    'images: this model has no chat template with two special tokens beside it, between which a picture could stand. Take another base, such as smollm2-135m-instruct.',
    { param: 'images' },
  );
}
