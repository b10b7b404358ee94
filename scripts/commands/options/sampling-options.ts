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

/** Flags named after the parameter they set. */
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

/** Numeric options; docs/http.md has their defaults and order. */
const NUMBER_OPTIONS: readonly Row[] = [
  ['--temperature <t>', '0 is greedy, 1 leaves the probabilities as they are', parseNumber(0, 100)],
  ['--top-k <k>', 'keep the k most likely tokens; 0 keeps all', parseCount(0)],
  ['--top-p <p>', 'keep the most likely tokens of this total probability', parseNumber(0, 1)],
  ['--min-p <p>', 'keep tokens of at least p times the best probability', parseNumber(0, 1)],
  ['--typical-p <p>', 'keep the most typical tokens of this probability', parseNumber(0.001, 1)],
  ['--top-n-sigma <n>', 'keep logits within n deviations of the best', parseNumber(0, 100)],
  [
    '--xtc-probability <p>',
    'probability of removing all likely tokens but the least likely one',
    parseNumber(0, 1),
  ],
  ['--xtc-threshold <p>', 'probability from which a token is likely (0.1)', parseNumber(0.001, 1)],
  ['--repetition-penalty <r>', 'penalty on repeated tokens; 1 is none', parseNumber(0.01, 100)],
  [
    '--frequency-penalty <f>',
    'penalty for each occurrence of a token; 0 is none',
    parseNumber(-2, 2),
  ],
  ['--presence-penalty <p>', 'penalty on tokens that occurred; 0 is none', parseNumber(-2, 2)],
  ['--dry-multiplier <m>', 'penalty on repeated sequences; 0 is none', parseNumber(0, 100)],
  ['--dry-base <b>', 'growth of that penalty with their length (1.75)', parseNumber(1, 100)],
  ['--dry-allowed-length <n>', 'longest sequence without that penalty (2)', parseCount(1)],
  ['--dry-penalty-last-n <n>', 'tokens to search for repetitions (all)', parseCount(0)],
  ['--mirostat <mode>', '2 keeps the surprise of the text constant, 0 is off', parseMirostat],
  ['--mirostat-tau <bits>', 'target surprise (5)', parseNumber(0.001, 100)],
  ['--mirostat-eta <rate>', 'learning rate (0.1)', parseNumber(0.001, 1)],
];

export function addSamplingOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command.option('--greedy', 'always take the most likely token (the same as --temperature 0)');
  for (const [flags, about, parse] of NUMBER_OPTIONS) command.option(flags, about, parse);
  return command
    .option(
      '--dry-breaker <text>',
      'text that ends a repeated sequence; may be given several times',
      collect,
    )
    .option(
      '--logit-bias <id=bias>',
      'value added to the logit of a token; may be given several times',
      collectBias,
    )
    .option(
      '--samplers <names>',
      'samplers to use, in order, separated by commas',
      parseNames(DEFAULT_SAMPLERS),
    )
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
  // A chain that is given replaces the whole of the default one.
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
