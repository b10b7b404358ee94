/** How well a base and its adapter extract, greedily, freely and under the grammar of the schema, from families that were never learned. */
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import type { AdapterUse } from '../../../engine/generate/types.ts';
import { compileJsonSchema } from '../../../engine/grammar/index.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { Answerer, type Asked } from '../measure/answers.ts';
import type { ExtractionSet } from './data.ts';
import type { ExtractionItem, ObjectSchema } from './make.ts';
import { adapterPrompt, BASE_PROMPTS, N_EXAMPLE } from './prompts.ts';
import { type ExtractionScore, firstObject, scoreExtraction } from './score.ts';

/** Whether an answer is written freely, or under the grammar of its schema. */
export const MODES = ['free', 'constrained'] as const;
export type Mode = (typeof MODES)[number];

export interface ModeReport {
  /** Field F1 of each of the base's prompts on the texts to choose by. */
  readonly prompts: readonly { readonly name: string; readonly f1: number }[];
  /** The best of them, on the texts to measure on. */
  readonly basePrompt: string;
  readonly base: ExtractionScore;
  readonly adapter: ExtractionScore;
}

export interface ExtractionReport {
  readonly model: string;
  readonly nTest: number;
  readonly nChoice: number;
  readonly families: readonly string[];
  readonly modes: Readonly<Record<Mode, ModeReport>>;
}

/** An answer, as it is told. */
export interface Told {
  readonly setting: 'choice' | 'base' | 'adapter';
  readonly mode: Mode;
  readonly family: string;
  readonly text: string;
  readonly expected: string;
  readonly answer: string;
}

export interface EvaluateOptions {
  readonly signal: AbortSignal;
  readonly onAnswer: (told: Told) => void;
}

/** Tokens of an answer at most: objects of five fields take half of it. */
const MAX_ANSWER_TOKENS = 192;

/** How many answers `evaluateExtraction` tells. */
export function nAnswer({ test, choice }: Pick<ExtractionSet, 'test' | 'choice'>): number {
  return MODES.length * (choice.length * BASE_PROMPTS.length + 2 * test.length);
}

/**
 * Chooses a prompt of the base by the texts of `choice`, for each mode, and measures it and the adapter on those of `test`.
 * @throws {EngineError} E_ABORTED, E_REQUEST_INVALID for a schema that the grammar does not take
 */
export async function evaluateExtraction(
  local: LocalModel,
  adapter: Adapter,
  { examples, test, choice }: ExtractionSet,
  { signal, onAnswer }: EvaluateOptions,
): Promise<ExtractionReport> {
  const answerer = new Answerer(local, signal);
  const shown = examples.slice(0, N_EXAMPLE);
  const measure = async (
    setting: Told['setting'],
    mode: Mode,
    items: readonly ExtractionItem[],
    ask: (item: ExtractionItem) => Asked,
    use: AdapterUse | null,
  ): Promise<ExtractionScore> => {
    const answers = await answerer.answerAll(
      items,
      (item) => ({
        ...{ asked: ask(item), maxTokens: MAX_ANSWER_TOKENS, adapter: use },
        constraint: mode === 'free' ? null : constraintOf(item.schema),
        isDone: (said) => firstObject(said) !== null,
      }),
      ({ family, text, expected }, answer) =>
        onAnswer({ setting, mode, family, text, expected: JSON.stringify(expected), answer }),
    );
    return scoreExtraction(
      answers,
      items.map(({ expected }) => expected),
    );
  };
  const ofMode = async (mode: Mode): Promise<ModeReport> => {
    const prompts: ModeReport['prompts'][number][] = [];
    for (const { name, ask } of BASE_PROMPTS) {
      const { fieldF1 } = await measure('choice', mode, choice, (one) => ask(one, shown), null);
      prompts.push({ name, f1: fieldF1.value });
    }
    const at = prompts.reduce((best, one, i) => (one.f1 > prompts[best]!.f1 ? i : best), 0);
    const { name: basePrompt, ask } = BASE_PROMPTS[at]!;
    const base = await measure('base', mode, test, (one) => ask(one, shown), null);
    const adapted = await answerer.withAdapter(adapter, (use) =>
      measure('adapter', mode, test, adapterPrompt, use),
    );
    return { prompts, basePrompt, base, adapter: adapted };
  };
  return {
    ...{ model: local.manifest.id, nTest: test.length, nChoice: choice.length },
    families: [...new Set(test.map(({ family }) => family))],
    modes: { free: await ofMode('free'), constrained: await ofMode('constrained') },
  };
}

/** The grammar that a server makes of `response_format` with this schema, where every field is required. */
export function constraintOf(schema: ObjectSchema): ConstraintRequest {
  const whole = { ...schema, required: Object.keys(schema.properties) };
  const grammar = compileJsonSchema(whole, { param: 'schema', isClosed: true });
  return { grammar, key: JSON.stringify(whole) };
}
