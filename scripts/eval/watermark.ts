/**
 * How surely the watermark is found, how often it is seen where it is not, and what it does to texts: the
 * same prompts and seeds with and without it, at temperature 1. Texts are scored as a detector gets them,
 * from their characters and not from their tokens.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { uniformAt } from '../../engine/sample/random.ts';
import { scoreWatermark } from '../../engine/sample/watermark-score.ts';
import type { WatermarkKey } from '../../engine/sample/watermark-hash.ts';
import { Detokenizer } from '../../engine/text/detokenizer.ts';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import type { LocalModel } from '../node-host/engine.ts';
import { meanOf, share } from './intervals.ts';
import type { Estimate } from './intervals.ts';

/** Tokens of a text at which it is scored. */
const LENGTHS = [25, 50, 100, 200, 400];
/** False positives a text is called watermarked at. */
export const FALSE_POSITIVE_RATE = 0.01;
/** Tokens of a passage that a text goes on from. */
const PROMPT_TOKENS = 32;
/** Generations that share passes. */
const PARALLEL = 16;
/** Keys that texts without a watermark are scored with: each is another chance of a false alarm. */
const FALSE_KEYS = 20;
/** Never drawn, so that a text goes on to its length. */
const NEVER = -1000;
/** Length of the token sequences by which repetition is counted. */
const GRAM = 4;
const KEY_STREAM = 77;

export interface WatermarkEvalOptions {
  readonly nPrompt: number;
  /** Texts of each prompt, with and without the watermark. */
  readonly nSeed: number;
  readonly nToken: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface LengthRow {
  readonly tokens: number;
  readonly truePositives: Estimate;
  /** Of the model's own texts without a watermark, and of human text. */
  readonly falsePositives: Estimate;
  readonly falsePositivesHuman: Estimate;
  readonly medianZ: number;
}

export interface QualityRow {
  /** e to the mean of -log p, the model's own p, of the drawn tokens. */
  readonly perplexity: Estimate;
  /** Share of 4-token sequences of a text that were in it before. */
  readonly repetition: Estimate;
  /** Share of 4-token sequences that another text of the same prompt has too; null without another. */
  readonly alike: Estimate | null;
}

export interface WatermarkReport {
  readonly nText: number;
  readonly lengths: readonly LengthRow[];
  readonly marked: QualityRow;
  readonly plain: QualityRow;
  /** Marked minus plain of the same prompt and seed: mean -log p, and repetition. */
  readonly difference: { readonly nllNats: Estimate; readonly repetition: Estimate };
}

/** Positions that the texts written at the same time need together. */
export function contextTokens(nToken: number): number {
  return PARALLEL * (PROMPT_TOKENS + nToken + PAGE_TOKENS);
}

interface Text {
  readonly prompt: number;
  readonly tokens: readonly number[];
  /** As scored: the tokens of its characters. */
  readonly read: readonly number[];
  readonly nllNats: number;
}

/**
 * @param corpus text of people; its passages are divided by blank lines or `<|endoftext|>`
 * @throws {EngineError} E_USAGE for a text with fewer passages than prompts.
 */
export async function measureWatermark(
  model: LocalModel,
  corpus: string,
  options: WatermarkEvalOptions,
): Promise<WatermarkReport> {
  const { nPrompt, nToken } = options;
  const prompts = promptsOf(model, corpus, nPrompt);
  const lengths = LENGTHS.filter((length) => length <= nToken);
  const marked: Text[] = [];
  const plain: Text[] = [];
  const total = 2 * nPrompt * options.nSeed;
  for (const [texts, isMarked] of [
    [marked, true],
    [plain, false],
  ] as const)
    for await (const text of writeTexts(model, prompts, isMarked, options)) {
      texts.push(text);
      options.onProgress?.(marked.length + plain.length, total);
    }
  const human = model.tokenizer.encode(corpus, { special: false });
  return {
    nText: marked.length,
    lengths: lengths.map((length) => lengthRow(length, marked, plain, human)),
    marked: qualityOf(marked),
    plain: qualityOf(plain),
    difference: {
      nllNats: meanOf(marked.map((text, i) => text.nllNats - plain[i]!.nllNats)),
      repetition: meanOf(
        marked.map(({ tokens }, i) => repetitionOf(tokens) - repetitionOf(plain[i]!.tokens)),
      ),
    },
  };
}

function lengthRow(
  length: number,
  marked: readonly Text[],
  plain: readonly Text[],
  human: readonly number[],
): LengthRow {
  const scores = marked.map(({ prompt, read }) =>
    scoreWatermark(keyOf(prompt), read.slice(0, length)),
  );
  const windows = Array.from({ length: Math.floor(human.length / length) }, (_, i) =>
    human.slice(i * length, (i + 1) * length),
  ).slice(0, 500);
  return {
    tokens: length,
    truePositives: share(scores.filter(isFound).length, scores.length),
    falsePositives: falseAlarms(plain.map(({ read }) => read.slice(0, length))),
    falsePositivesHuman: falseAlarms(windows),
    medianZ: scores.map(({ z }) => z).sort((a, b) => a - b)[scores.length >> 1] ?? 0,
  };
}

const isFound = ({ pValue }: { readonly pValue: number }) => pValue < FALSE_POSITIVE_RATE;

function falseAlarms(texts: readonly (readonly number[])[]): Estimate {
  const keys = Array.from({ length: FALSE_KEYS }, (_, i) => keyOf(-1 - i));
  let nAlarm = 0;
  for (const text of texts)
    for (const key of keys) if (isFound(scoreWatermark(key, text))) nAlarm++;
  return share(nAlarm, texts.length * keys.length);
}

/** A key of each prompt's own: what texts are like is not to depend on one key. */
function keyOf(prompt: number): WatermarkKey {
  const word = (i: number) => Math.floor(uniformAt(prompt, i, KEY_STREAM) * 2 ** 32);
  return [word(0), word(1), word(2), word(3)];
}

/** First tokens of passages that have them. */
function promptsOf({ tokenizer }: LocalModel, corpus: string, n: number): number[][] {
  const passages = corpus.split(/\n\s*\n|<\|endoftext\|>/);
  const prompts: number[][] = [];
  for (const passage of passages) {
    if (prompts.length === n) break;
    const tokens = tokenizer.encode(passage.trim(), { special: false });
    if (tokens.length >= PROMPT_TOKENS) prompts.push(tokens.slice(0, PROMPT_TOKENS));
  }
  if (prompts.length === n) return prompts;
  throw new EngineError(
    'E_USAGE',
    `eval: --prompts ${n}; the text has ${prompts.length} passages of at least ${PROMPT_TOKENS} tokens. ` +
      'Give a longer text or fewer prompts.',
  );
}

/** Texts in the order of prompts and seeds. */
async function* writeTexts(
  model: LocalModel,
  prompts: readonly (readonly number[])[],
  isMarked: boolean,
  { nSeed, nToken }: WatermarkEvalOptions,
): AsyncGenerator<Text, void, void> {
  const jobs = prompts.flatMap((tokens, prompt) =>
    Array.from({ length: nSeed }, (_, seed) => ({ prompt, tokens, seed: prompt * nSeed + seed })),
  );
  for (let i = 0; i < jobs.length; i += PARALLEL)
    yield* await Promise.all(
      jobs.slice(i, i + PARALLEL).map(({ prompt, tokens, seed }) =>
        writeText(model, prompt, tokens, {
          ...{ watermark: isMarked ? keyOf(prompt) : null, seed, nToken },
        }),
      ),
    );
}

async function writeText(
  { engine, tokenizer, manifest }: LocalModel,
  prompt: number,
  promptTokens: readonly number[],
  { watermark, seed, nToken }: { watermark: WatermarkKey | null; seed: number; nToken: number },
): Promise<Text> {
  const { addBos, bosId } = manifest.tokenizer;
  const tokens: number[] = [];
  let nllNats = 0;
  const request = {
    prompt: tokenPrompt([...(addBos && bosId !== null ? [bosId] : []), ...promptTokens]),
    maxTokens: nToken,
    sampling: {
      ...{ ...DEFAULT_SAMPLING, temperature: 1, seed, watermark },
      logitBias: tokenizer.facts.eosIds.map((id) => [id, NEVER] as const),
    },
    stopTokens: [],
    topLogprobs: 0,
    promptLogprobs: false,
  };
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.type !== 'token') continue;
    tokens.push(event.token);
    nllNats -= event.logprob!.logprob / nToken;
  }
  const detokenizer = new Detokenizer(tokenizer, { atTextStart: false, special: false });
  const text = tokens.map((token) => detokenizer.push(token)).join('') + detokenizer.flush();
  return { prompt, tokens, nllNats, read: tokenizer.encode(text, { special: false }) };
}

function qualityOf(texts: readonly Text[]): QualityRow {
  const nll = meanOf(texts.map(({ nllNats }) => nllNats));
  const alike = alikeOf(texts);
  return {
    perplexity: {
      value: Math.exp(nll.value),
      low: Math.exp(nll.low),
      high: Math.exp(nll.high),
    },
    repetition: meanOf(texts.map(({ tokens }) => repetitionOf(tokens))),
    alike: alike.length === 0 ? null : meanOf(alike),
  };
}

function gramsOf(tokens: readonly number[]): string[] {
  return tokens.slice(GRAM - 1).map((_, i) => tokens.slice(i, i + GRAM).join());
}

function repetitionOf(tokens: readonly number[]): number {
  const grams = gramsOf(tokens);
  return 1 - new Set(grams).size / grams.length;
}

/** Of each text that has a neighbour of the same prompt: the share of its sequences that are there too. */
function alikeOf(texts: readonly Text[]): number[] {
  return texts.flatMap(({ prompt, tokens }, i) => {
    const next = texts[i + 1];
    if (next?.prompt !== prompt) return [];
    const there = new Set(gramsOf(next.tokens));
    const grams = gramsOf(tokens);
    return [grams.filter((gram) => there.has(gram)).length / grams.length];
  });
}
