/** How often questions about a document are answered right: with its text in context, with a trained prefix, and with neither. */
import type { TrainedPrefix } from '../../../engine/adapters/prefix.ts';
import type { AdapterUse } from '../../../engine/generate/types.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { kvGeometry } from '../../../engine/cache/geometry.ts';
import { defaultKvDtype } from '../../../engine/model/decoder/plan.ts';
import { prefixBytes } from '../../../engine/model/decoder/prefix-pages.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { type Estimate, share } from '../../eval/intervals.ts';
import { loadLocalModel, type LocalModel } from '../../node-host/engine.ts';
import { RowEncoder } from '../encode.ts';
import type { Document, DocumentQuestion } from './passages.ts';
import { alone, withPassage } from './prompts.ts';
import { MAX_ANSWER_TOKENS } from './study.ts';

/** What a question is asked with. */
export const SETTINGS = ['nothing', 'prefix', 'passage', 'document'] as const;
export type Setting = (typeof SETTINGS)[number];

export interface PrefixReport {
  readonly model: string;
  readonly nQuestion: number;
  readonly documentTokens: number;
  readonly prefixPositions: number;
  /** How many times as many positions the document takes in a cache. */
  readonly cacheRatio: number;
  /** Shares of right answers; null for what was not asked. */
  readonly right: Readonly<Record<Setting, Estimate | null>>;
  /** Right with the prefix, as a part of right with the passage in context, and with the whole document. */
  readonly ofPassage: number;
  readonly ofDocument: number | null;
}

/** An answer, as it is told. */
export interface Told {
  readonly setting: Setting;
  readonly question: string;
  readonly expected: string;
  readonly answer: string;
  readonly isRight: boolean;
}

export interface EvaluateOptions {
  /** Whether the whole document is put before each question, too. */
  readonly asksDocument: boolean;
  readonly signal: AbortSignal;
  readonly onAnswer: (told: Told) => void;
}

/** Room for what stands around a text and a question. */
const TEMPLATE_TOKENS = 256;

/** The model with room for the prefix. @throws {EngineError} what loading throws */
export async function loadWithPrefix(
  id: string,
  manifest: DecoderManifest,
  { nPosition }: TrainedPrefix,
  nTextTokens: number,
): Promise<LocalModel> {
  const kv = kvGeometry(defaultKvDtype(manifest), manifest.config);
  const adapterBytes = prefixBytes(kv, manifest.config.nLayer, nPosition);
  const nCtx = Math.max(nPosition, nTextTokens) + MAX_ANSWER_TOKENS + TEMPLATE_TOKENS;
  return await loadLocalModel(id, { nCtx, adapterBytes });
}

/**
 * Asks every question in every setting, greedily.
 * @param questions with answers
 * @throws {EngineError} E_ABORTED
 */
export async function evaluatePrefix(
  { engine, manifest, tokenizer }: LocalModel,
  prefix: TrainedPrefix,
  document: Document,
  questions: readonly DocumentQuestion[],
  { asksDocument, signal, onAnswer }: EvaluateOptions,
): Promise<PrefixReport> {
  const { nPosition, layers } = prefix;
  const encoder = new RowEncoder({ tokenizer, manifest });
  const use: AdapterUse = { id: 'prefix', activation: null, nPrefix: nPosition };
  const tensors = { nPosition, layers: new Map(layers.entries()) };
  const release = await engine.useAdapter({
    ...{ id: use.id, file: null },
    load: () =>
      Promise.resolve({ id: use.id, rank: 1, scale: 1, pairs: new Map(), prefix: tensors }),
  });
  const answer = async (ids: readonly number[], adapter: AdapterUse | null): Promise<string> => {
    const said: number[] = [];
    const request = {
      ...{ prompt: tokenPrompt(ids), maxTokens: MAX_ANSWER_TOKENS, topLogprobs: null },
      ...{ stopTokens: manifest.tokenizer.eosIds, promptLogprobs: false },
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
      ...(adapter === null ? {} : { adapter }),
    };
    for await (const event of engine.generate(request, signal))
      if (event.type === 'token') said.push(event.token);
    return tokenizer.decode(said);
  };
  const asks: Readonly<Record<Setting, (one: DocumentQuestion) => Promise<string>>> = {
    nothing: ({ question }) => answer(encoder.asked(alone(question)), null),
    prefix: ({ question }) => answer(encoder.asked(alone(question)), use),
    passage: ({ question, passage }) =>
      answer(encoder.asked(withPassage(document.passages[passage]!, question)), null),
    document: ({ question }) => answer(encoder.asked(withPassage(document.text, question)), null),
  };
  const right: Record<Setting, Estimate | null> = {
    ...{ nothing: null, prefix: null, passage: null, document: null },
  };
  for (const setting of SETTINGS) {
    if (setting === 'document' && !asksDocument) continue;
    let nRight = 0;
    // In the order of passages: what one has read, the next finds in the cache.
    for (const one of questions.toSorted((a, b) => a.passage - b.passage)) {
      const said = await asks[setting](one);
      const isRight = isAnswer(said, one.answer ?? '');
      if (isRight) nRight++;
      onAnswer({
        ...{ setting, question: one.question, expected: one.answer ?? '' },
        ...{ answer: said, isRight },
      });
    }
    right[setting] = share(nRight, questions.length);
  }
  release();
  const part = (of: Estimate | null): number | null =>
    of === null ? null : right.prefix!.value / of.value;
  return {
    ...{ model: manifest.id, nQuestion: questions.length, right },
    ...{ documentTokens: document.tokens.length, prefixPositions: nPosition },
    cacheRatio: document.tokens.length / nPosition,
    ...{ ofPassage: part(right.passage)!, ofDocument: part(right.document) },
  };
}

/** Whether what is expected is said, in whole words, in whatever letters. */
export function isAnswer(said: string, expected: string): boolean {
  const plain = (text: string): string =>
    ` ${text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim()} `;
  return plain(said).includes(plain(expected));
}
