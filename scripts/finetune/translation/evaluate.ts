/** How well a base and its adapter translate, greedily, by chrF2 on sentences that share none with what was learned. */
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { AdapterUse } from '../../../engine/generate/types.ts';
import { chrf } from '../../eval/chrf.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { Answerer, type Asked } from '../measure/answers.ts';
import { sentenceKey, type SentencePair, type Translated } from './pairs.ts';
import { adapterPrompt, BASE_PROMPTS, type Languages, N_EXAMPLE } from './prompts.ts';

export interface TranslationReport {
  readonly model: string;
  readonly nTest: number;
  readonly nChoice: number;
  /** chrF2 of each of the base's prompts on the sentences to choose by. */
  readonly prompts: readonly { readonly name: string; readonly chrf: number }[];
  /** The best of them, on the sentences to measure on. */
  readonly basePrompt: string;
  readonly base: TranslationScore;
  readonly adapter: TranslationScore;
  /** Of the sentence itself, untranslated. */
  readonly copied: TranslationScore;
  /** Sentences on which the base gave the same tokens and log-probabilities, to the bit, beside a loaded adapter. */
  readonly nSameOff: number;
  readonly nAskedOff: number;
}

export interface TranslationScore {
  readonly chrf: number;
  /** Share of answers that are one of the references, but for capitals and punctuation. */
  readonly exact: number;
}

export interface TranslationData {
  readonly train: readonly SentencePair[];
  readonly test: readonly Translated[];
  readonly choice: readonly Translated[];
}

export interface EvaluateOptions {
  readonly languages: Languages;
  readonly signal: AbortSignal;
  readonly onAnswer: (told: Told) => void;
}

/** An answer, as it is told. */
export interface Told {
  readonly setting: 'choice' | 'base' | 'adapter';
  readonly source: string;
  readonly references: readonly string[];
  readonly answer: string;
}

/** Tokens of an answer at most. */
const MAX_ANSWER_TOKENS = 48;
/** Sentences on which the base is asked with and without an adapter in memory. */
const N_OFF = 20;

/** How many answers `evaluateTranslation` tells. */
export function nAnswer({ test, choice }: TranslationData): number {
  return choice.length * BASE_PROMPTS.length + 2 * test.length;
}

/**
 * Chooses a prompt of the base by the sentences of `choice`, and measures it and the adapter on those of `test`.
 * @throws {EngineError} E_ABORTED, E_USAGE for too few examples
 */
export async function evaluateTranslation(
  local: LocalModel,
  adapter: Adapter,
  { train, test, choice }: TranslationData,
  { languages, signal, onAnswer }: EvaluateOptions,
): Promise<TranslationReport> {
  const examples = examplesFrom(train);
  const answerer = new Answerer(local, signal);
  const all = async (
    setting: Told['setting'],
    sentences: readonly Translated[],
    ask: (source: string) => Asked,
    use: AdapterUse | null,
  ): Promise<string[]> => {
    // A text of examples would go on with another one.
    const isDone = (said: string): boolean => said.trimStart().includes('\n');
    const answers = await answerer.answerAll(
      sentences,
      ({ source }) => ({ asked: ask(source), maxTokens: MAX_ANSWER_TOKENS, adapter: use, isDone }),
      (one, said) => onAnswer({ setting, ...one, answer: firstLine(said) }),
    );
    return answers.map(firstLine);
  };
  const prompts: TranslationReport['prompts'][number][] = [];
  for (const { name, ask } of BASE_PROMPTS) {
    const answers = await all('choice', choice, (one) => ask(one, examples, languages), null);
    prompts.push({ name, chrf: scoreOf(answers, choice).chrf });
  }
  const at = prompts.reduce((best, one, i) => (one.chrf > prompts[best]!.chrf ? i : best), 0);
  const { name: basePrompt, ask } = BASE_PROMPTS[at]!;
  const askBase = (source: string): Asked => ask(source, examples, languages);
  const base = await all('base', test, askBase, null);
  const off = test.slice(0, N_OFF).map(({ source }) => askBase(source));
  const before = await answerer.traces(off, MAX_ANSWER_TOKENS, 'before');
  return await answerer.withAdapter(adapter, async (use) => {
    const adapted = await all('adapter', test, adapterPrompt, use);
    const beside = await answerer.traces(off, MAX_ANSWER_TOKENS, 'beside');
    return {
      ...{ model: local.manifest.id, nTest: test.length, nChoice: choice.length },
      ...{ prompts, basePrompt, base: scoreOf(base, test), adapter: scoreOf(adapted, test) },
      copied: scoreOf(
        test.map(({ source }) => source),
        test,
      ),
      ...{ nAskedOff: off.length, nSameOff: before.filter((one, i) => one === beside[i]).length },
    };
  });
}

/** @throws {EngineError} E_USAGE for fewer than a prompt shows */
function examplesFrom(train: readonly SentencePair[]): readonly SentencePair[] {
  if (train.length >= N_EXAMPLE) return train.slice(0, N_EXAMPLE);
  throw new EngineError(
    'E_USAGE',
    `data: ${train.length} pairs to learn from; expected at least the ${N_EXAMPLE} that a prompt shows. Take the folder that --make wrote.`,
    { param: 'data' },
  );
}

function scoreOf(answers: readonly string[], sentences: readonly Translated[]): TranslationScore {
  const references = sentences.map((one) => one.references);
  const isExact = (answer: string, i: number): boolean =>
    references[i]!.some((reference) => sentenceKey(reference) === sentenceKey(answer));
  return {
    chrf: chrf(answers, references),
    exact: answers.filter(isExact).length / Math.max(1, answers.length),
  };
}

/** The first line that says something, without quotation marks around it: what is written after it is no translation. */
export function firstLine(said: string): string {
  const line = said
    .split('\n')
    .map((one) => one.trim())
    .find((one) => one !== '');
  return (line ?? '').replace(/^["“«]\s*(.*?)\s*["”»]$/u, '$1');
}
