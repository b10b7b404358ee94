/** The special tokens of a Whisper tokenizer.json, by their names there. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { readAddedTokens } from './hf-tokenizer.ts';

/** English-only models have one row fewer. */
const MULTILINGUAL_VOCAB = 51_865;
/** Present and former names of a token. */
const NAMES = {
  startOfTranscript: ['<|startoftranscript|>'],
  endOfText: ['<|endoftext|>'],
  translate: ['<|translate|>'],
  transcribe: ['<|transcribe|>'],
  startOfPrevious: ['<|startofprev|>'],
  noSpeech: ['<|nospeech|>', '<|nocaptions|>'],
  noTimestamps: ['<|notimestamps|>'],
} as const satisfies Partial<Record<keyof RecognitionConfig['tokens'], readonly string[]>>;

type Named = keyof typeof NAMES;

/**
 * @param nVocab rows of the embedding
 * @throws {EngineError} E_TOKENIZER_INVALID naming the token that is missing.
 */
export function recognitionTokens(
  tokenizer: JsonObject,
  nVocab: number,
): Pick<RecognitionConfig, 'tokens' | 'isMultilingual'> {
  const added = readAddedTokens(tokenizer);
  const idOf = new Map(added.map(({ content, id }) => [content, id]));
  const find = (name: Named): number => {
    const id = NAMES[name].map((content) => idOf.get(content)).find((found) => found !== undefined);
    if (id !== undefined) return id;
    throw new EngineError(
      'E_TOKENIZER_INVALID',
      `tokenizer.json: no token ${NAMES[name].join(' or ')}; expected those of Whisper. ` +
        'Give the tokenizer.json of this model.',
      { details: { names: NAMES[name] } },
    );
  };
  const isMultilingual = nVocab >= MULTILINGUAL_VOCAB;
  const languages = added.flatMap(({ content, id }) => {
    const code = /^<\|([a-z]{2,3})\|>$/.exec(content)?.[1];
    return code === undefined ? [] : [{ code, token: id }];
  });
  const named = Object.fromEntries((Object.keys(NAMES) as Named[]).map((n) => [n, find(n)]));
  return {
    isMultilingual,
    tokens: {
      ...(named as Record<Named, number>),
      // Times are the last ids, and not tokens of the tokenizer.
      timestampBegin: find('noTimestamps') + 1,
      languages: isMultilingual ? languages : [],
    },
  };
}

/** 15 s: with less the decoder loops, and the smallest model mishears a word in fifty. */
export function minAudioCtx(nAudioCtx: number): number {
  return Math.min(nAudioCtx, 750);
}

/** A list of token ids of a config; anything else is left to the schema. */
export function ids(value: JsonValue | undefined): number[] {
  if (!Array.isArray(value)) return [];
  return value.filter((id): id is number => typeof id === 'number' && id >= 0);
}

export function headPairs(value: JsonValue | undefined): [number, number][] {
  if (!Array.isArray(value)) return [];
  return value.map((pair): [number, number] => {
    const [layer, head] = ids(pair);
    return [layer ?? -1, head ?? -1];
  });
}
