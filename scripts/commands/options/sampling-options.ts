/** The sampling options of `generate` and `chat`, as the request's parameters. */
import { randomInt } from 'node:crypto';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { DEFAULT_SAMPLERS, DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import type { SamplerName, SamplingParams } from '../../../engine/sample/params.ts';
import { DEFAULT_BREAKERS } from '../../../engine/sample/dry.ts';
import { tokensContaining } from '../../../engine/text/tokens-containing.ts';
import type { Vocabulary } from '../../../engine/text/tokens-containing.ts';
import { collectBias, parseCount, parseNames, parseNumber } from '../../lib/arguments.ts';

/** Flags that are named as the parameter they set. */
type SameNamed = Omit<
  SamplingParams,
  'drySequenceBreakers' | 'logitBias' | 'samplers' | 'mirostat' | 'seed'
>;

export interface SamplingFlags extends Partial<SameNamed> {
  readonly greedy?: boolean;
  readonly dryBreaker?: readonly string[];
  readonly mirostat?: 0 | 2;
  readonly logitBias?: SamplingParams['logitBias'];
  readonly samplers?: readonly SamplerName[];
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** Seeds are 32-bit. */
const MAX_SEED = 2 ** 32;

type Row = readonly [flags: string, about: string, parse: (text: string) => unknown];

/** Numbers; defaults and order are docs/http.md's. */
const NUMBER_OPTIONS: readonly Row[] = [
  ['--temperature <t>', '0 is greedy, 1 the model as it is', parseNumber(0, 100)],
  ['--top-k <k>', 'keep the k most likely tokens; 0 keeps all', parseCount(0)],
  ['--top-p <p>', 'keep the most likely tokens of this total probability', parseNumber(0, 1)],
  ['--min-p <p>', 'keep tokens of at least p times the best probability', parseNumber(0, 1)],
  ['--typical-p <p>', 'keep the most typical tokens of this probability', parseNumber(0.001, 1)],
  ['--top-n-sigma <n>', 'keep logits within n deviations of the best', parseNumber(0, 100)],
  ['--xtc-probability <p>', 'how often all likely tokens but one go', parseNumber(0, 1)],
  ['--xtc-threshold <p>', 'what is likely (0.1)', parseNumber(0.001, 1)],
  ['--repetition-penalty <r>', '1 changes nothing', parseNumber(0.01, 100)],
  ['--frequency-penalty <f>', '0 changes nothing', parseNumber(-2, 2)],
  ['--presence-penalty <p>', '0 changes nothing', parseNumber(-2, 2)],
  ['--dry-multiplier <m>', 'penalty on repeated sequences; 0 is none', parseNumber(0, 100)],
  ['--dry-base <b>', 'how it grows with their length (1.75)', parseNumber(1, 100)],
  ['--dry-allowed-length <n>', 'longest sequence without one (2)', parseCount(1)],
  ['--dry-penalty-last-n <n>', 'tokens looked back at (all)', parseCount(0)],
  ['--mirostat <mode>', '2 keeps the surprise of the text even, 0 is off', parseMirostat],
  ['--mirostat-tau <bits>', 'the surprise aimed at (5)', parseNumber(0.001, 100)],
  ['--mirostat-eta <rate>', 'how fast it learns (0.1)', parseNumber(0.001, 1)],
];

export function addSamplingOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command.option('--greedy', 'always take the most likely token (the same as --temperature 0)');
  for (const [flags, about, parse] of NUMBER_OPTIONS) command.option(flags, about, parse);
  return command
    .option('--dry-breaker <text>', 'no repetition reaches over it; several times', collect)
    .option('--logit-bias <id=bias>', 'added to the logit of a token; several times', collectBias)
    .option('--samplers <names>', 'which ones, in order, by commas', parseNames(DEFAULT_SAMPLERS))
    .option('--seed <n>', 'same seed, same text', parseCount(0))
    .option('--stop <text>', 'end before this text; may be given several times', collect);
}

function parseMirostat(text: string): 0 | 2 {
  if (text === '0' || text === '2') return text === '0' ? 0 : 2;
  throw new InvalidArgumentError('Expected 0 or 2.');
}

/** For conversations: small models lose the thread at temperature 1. */
export const CHAT_SAMPLING: SamplingParams = { ...DEFAULT_SAMPLING, temperature: 0.4, topP: 0.95 };

/** Flags over `defaults`; an absent seed is drawn at random. */
export function readSampling(
  flags: SamplingFlags,
  vocabulary: Vocabulary,
  defaults: SamplingParams = DEFAULT_SAMPLING,
): SamplingParams {
  const { greedy, dryBreaker, mirostat, logitBias, samplers, seed } = flags;
  // Who sets up a chain of their own means the whole of it.
  const base = mirostat === 2 || samplers !== undefined ? DEFAULT_SAMPLING : defaults;
  const names = Object.keys(DEFAULT_SAMPLING) as (keyof SameNamed)[];
  const given = names.filter((name) => typeof flags[name] === 'number');
  const usesDry = (flags.dryMultiplier ?? base.dryMultiplier) > 0;
  return {
    ...base,
    ...Object.fromEntries(given.map((name) => [name, flags[name]])),
    ...(greedy === true ? { temperature: 0 } : {}),
    drySequenceBreakers: usesDry
      ? tokensContaining(vocabulary, dryBreaker ?? DEFAULT_BREAKERS, 'dry-breaker')
      : [],
    mirostat: mirostat ?? base.mirostat,
    logitBias: logitBias ?? base.logitBias,
    samplers: samplers ?? base.samplers,
    seed: seed ?? randomInt(MAX_SEED),
  };
}
