/** What a request for embeddings gives to embed: texts, ids of tokens, and pictures, each with its place in the list. */
import type { EncoderInput } from '../../serving/embedding/text-ids.ts';
import type { EmbeddingPart, EmbeddingsBody } from './schema.ts';

/** One of the inputs. */
export interface PlacedInput<T> {
  readonly index: number;
  /** Path of it, such as `input[2]`. */
  readonly name: string;
  readonly value: T;
}

export interface SplitInputs {
  readonly nInput: number;
  readonly texts: readonly PlacedInput<EncoderInput>[];
  /** Addresses of pictures. */
  readonly pictures: readonly PlacedInput<string>[];
}

type Input = EncoderInput | EmbeddingPart;

export function splitInputs(input: EmbeddingsBody['input']): SplitInputs {
  const isList = Array.isArray(input) && typeof input[0] !== 'number';
  const all = (isList ? input : [input]) as readonly Input[];
  const texts: PlacedInput<EncoderInput>[] = [];
  const pictures: PlacedInput<string>[] = [];
  for (const [index, value] of all.entries()) {
    const name = isList ? `input[${index}]` : 'input';
    if (!isPart(value)) texts.push({ index, name, value });
    else if (value.type === 'text') texts.push({ index, name: `${name}.text`, value: value.text });
    else pictures.push({ index, ...pictureOf(value, name) });
  }
  return { nInput: all.length, texts, pictures };
}

function isPart(input: Input): input is EmbeddingPart {
  return typeof input === 'object' && 'type' in input;
}

function pictureOf({ image_url: url }: EmbeddingPart & { type: 'image_url' }, name: string) {
  return typeof url === 'string'
    ? { name: `${name}.image_url`, value: url }
    : { name: `${name}.image_url.url`, value: url.url };
}
