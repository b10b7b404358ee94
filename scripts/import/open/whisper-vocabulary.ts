/**
 * What Whisper's files of whisper.cpp leave to the program: special tokens after those of the vocabulary, tokens that
 * are never said, and the heads whose attention follows the audio (openai/whisper: tokenizer.py, __init__.py).
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import type { SpecialToken } from './ranked-tokens.ts';

/** In the order of their tokens; a model has the first of them. */
const LANGUAGES =
  'en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue'.split(
    ' ',
  );
const BEFORE = ['<|endoftext|>', '<|startoftranscript|>'] as const;
const AFTER = [
  ...(['<|translate|>', '<|transcribe|>', '<|startoflm|>', '<|startofprev|>'] as const),
  ...(['<|nospeech|>', '<|notimestamps|>'] as const),
] as const;
/** 0.00 s to 30.00 s, every 0.02 s; not tokens of a tokenizer. */
const N_TIMESTAMP = 1501;

/**
 * @param nToken tokens of the vocabulary
 * @param nVocab rows of the embedding
 * @throws {EngineError} E_TOKENIZER_INVALID when they leave no place for the special tokens.
 */
export function whisperSpecials(nToken: number, nVocab: number): SpecialToken[] {
  const nLanguage = nVocab - N_TIMESTAMP - nToken - BEFORE.length - AFTER.length;
  if (nLanguage < 1 || nLanguage > LANGUAGES.length)
    throw new EngineError(
      'E_TOKENIZER_INVALID',
      `vocabulary: ${nToken} tokens of ${nVocab} leave ${nLanguage} for languages; expected 1 to ${LANGUAGES.length}. ` +
        'The file is no Whisper model, or damaged: fetch it again.',
      { details: { nToken, nVocab } },
    );
  const languages = LANGUAGES.slice(0, nLanguage).map((code) => `<|${code}|>`);
  return [...BEFORE, ...languages, ...AFTER].map((content, i) => ({ id: nToken + i, content }));
}

const SYMBOLS = [
  ...'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
  ...'<< >> <<< >>> -- --- -( -[ (\' (" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪'.split(' '),
];
/** Of several tokens each, which share the first. */
const NOTES = [...'♩♪♫♬♭♮♯'];

/** Ids that are never chosen: names of speakers, notes, and special tokens that begin other things. */
export function suppressedTokens(
  tokenizerJson: string,
  { tokens }: Pick<RecognitionConfig, 'tokens'>,
): Pick<RecognitionConfig, 'suppress' | 'suppressFirst'> {
  const eosIds = [tokens.endOfText];
  const tokenizer = Tokenizer.parse(tokenizerJson, { addBos: false, bosId: null, eosIds });
  const encode = (text: string): readonly number[] => tokenizer.encode(text, { special: false });
  const found = new Set<number>();
  const add = (text: string, isFirstEnough: boolean): void => {
    const [first, ...others] = encode(text);
    if (first !== undefined && (isFirstEnough || others.length === 0)) found.add(first);
  };
  // Within words, but not at their beginning.
  add(' -', true);
  add(" '", true);
  for (const symbol of [...SYMBOLS, ...NOTES])
    for (const text of [symbol, ` ${symbol}`]) add(text, NOTES.includes(symbol));
  const { startOfTranscript, translate, transcribe, startOfPrevious, noSpeech } = tokens;
  // <|startoflm|> stands between those that have names.
  const tasks = [translate, transcribe, transcribe + 1];
  const special = [startOfTranscript, ...tasks, startOfPrevious, noSpeech];
  const byId = (a: number, b: number): number => a - b;
  return {
    suppress: [...found, ...special].sort(byId),
    suppressFirst: [...encode(' ').slice(0, 1), tokens.endOfText].sort(byId),
  };
}

/** "layer.head" by the layers of both stacks and the kind of vocabulary: the released models (OpenAI, MIT). */
const ALIGNMENT_HEADS: Readonly<Record<string, string>> = {
  '4 4 en': '1.0 2.0 2.5 3.0 3.1 3.2 3.3 3.4',
  '4 4': '2.2 3.0 3.2 3.3 3.4 3.5',
  '6 6 en': '3.3 4.7 5.1 5.5 5.7',
  '6 6': '3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6',
  '12 12 en':
    '6.6 7.0 7.3 7.8 8.2 8.5 8.7 9.0 9.4 9.8 9.10 10.0 10.1 10.2 10.3 10.6 10.11 11.2 11.4',
  '12 12': '5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5',
  '24 24 en':
    '11.4 14.1 14.12 14.14 15.4 16.0 16.4 16.9 17.12 17.14 18.7 18.10 18.15 20.0 20.3 20.9 20.14 21.12',
  '24 24': '13.15 15.4 15.15 16.1 20.0 23.4',
};

/** Those of a released model, else all heads of the upper half of the decoder. */
export function alignmentHeads({
  nAudioLayer,
  nTextLayer,
  nHead,
  isMultilingual,
}: Pick<RecognitionConfig, 'nAudioLayer' | 'nTextLayer' | 'nHead' | 'isMultilingual'>): [
  number,
  number,
][] {
  const known = ALIGNMENT_HEADS[`${nAudioLayer} ${nTextLayer}${isMultilingual ? '' : ' en'}`];
  const pairs = known?.split(' ').map((pair): [number, number] => {
    const [layer = 0, head = 0] = pair.split('.').map(Number);
    return [layer, head];
  });
  if (pairs?.every(([, head]) => head < nHead) === true) return pairs;
  const half = Math.floor(nTextLayer / 2);
  return Array.from({ length: nTextLayer - half }, (_, i) => half + i).flatMap((layer) =>
    Array.from({ length: nHead }, (_, head): [number, number] => [layer, head]),
  );
}
