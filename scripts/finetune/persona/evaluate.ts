/** How often the customer service has its facts right, and refuses what it must and nothing else: a base that reads them, and an adapter. */
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import type { AdapterUse } from '../../../engine/generate/types.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { Answerer, type Asked } from '../measure/answers.ts';
import type { PersonaData, PersonaItem } from './make.ts';
import { adapterPrompt, BASE_PROMPTS } from './prompts.ts';
import { hasFacts, isRefusal, type PersonaScore, scorePersona } from './score.ts';

export interface PersonaReport {
  readonly model: string;
  readonly nTest: number;
  readonly nChoice: number;
  /** Share of requests to choose by that each of the base's prompts answers or refuses as it should. */
  readonly prompts: readonly { readonly name: string; readonly right: number }[];
  /** The best of them, on what is measured on. */
  readonly basePrompt: string;
  readonly base: PersonaScore;
  readonly adapter: PersonaScore;
}

/** An answer, as it is told. */
export interface Told extends PersonaItem {
  readonly setting: 'choice' | 'base' | 'adapter';
  readonly answer: string;
  readonly isRight: boolean;
}

export interface EvaluateOptions {
  readonly signal: AbortSignal;
  readonly onAnswer: (told: Told) => void;
}

/** Tokens of an answer at most. */
const MAX_ANSWER_TOKENS = 72;

/** How many answers `evaluatePersona` tells. */
export function nAnswer({ test, choice }: Pick<PersonaData, 'test' | 'choice'>): number {
  return choice.length * BASE_PROMPTS.length + 2 * test.length;
}

/** Whether an answer is as it should be. */
export function isRight(answer: string, has: readonly string[] | null): boolean {
  return has === null ? isRefusal(answer) : hasFacts(answer, has);
}

/**
 * Chooses a prompt of the base by `choice`, and measures it and the adapter, which reads the question alone, on `test`.
 * @throws {EngineError} E_ABORTED
 */
export async function evaluatePersona(
  local: LocalModel,
  adapter: Adapter,
  { test, choice }: Pick<PersonaData, 'test' | 'choice'>,
  { signal, onAnswer }: EvaluateOptions,
): Promise<PersonaReport> {
  const answerer = new Answerer(local, signal);
  const all = async (
    setting: Told['setting'],
    items: readonly PersonaItem[],
    ask: (question: string) => Asked,
    use: AdapterUse | null,
  ): Promise<string[]> =>
    await answerer.answerAll(
      items,
      ({ question }) => ({ asked: ask(question), maxTokens: MAX_ANSWER_TOKENS, adapter: use }),
      (item, answer) => onAnswer({ setting, ...item, answer, isRight: isRight(answer, item.has) }),
    );
  const prompts: PersonaReport['prompts'][number][] = [];
  for (const { name, ask } of BASE_PROMPTS) {
    const answers = await all('choice', choice, ask, null);
    const nRight = answers.filter((answer, i) => isRight(answer, choice[i]!.has)).length;
    prompts.push({ name, right: nRight / choice.length });
  }
  const at = prompts.reduce((best, one, i) => (one.right > prompts[best]!.right ? i : best), 0);
  const { name: basePrompt, ask } = BASE_PROMPTS[at]!;
  const base = scorePersona(await all('base', test, ask, null), test);
  const adapted = await answerer.withAdapter(adapter, (use) =>
    all('adapter', test, adapterPrompt, use),
  );
  return {
    ...{ model: local.manifest.id, nTest: test.length, nChoice: choice.length },
    ...{ prompts, basePrompt, base, adapter: scorePersona(adapted, test) },
  };
}
