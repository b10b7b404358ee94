/** The sampling options of `generate` and `chat`, as the request's parameters. */
import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { DEFAULT_SAMPLING } from '../../engine/generate/types.ts';
import type { SamplingParams } from '../../engine/generate/types.ts';
import { parseCount, parseNumber } from './arguments.ts';

export interface SamplingFlags {
  readonly greedy?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** Seeds are 32-bit. */
const MAX_SEED = 2 ** 32;

export function addSamplingOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  return command
    .option('--greedy', 'always take the most likely token (the same as --temperature 0)')
    .option('--temperature <t>', '0 is greedy, 1 the model as it is', parseNumber(0, 100))
    .option('--top-k <k>', 'keep the k most likely tokens; 0 keeps all', parseCount(0))
    .option(
      '--top-p <p>',
      'keep the most likely tokens of this total probability',
      parseNumber(0, 1),
    )
    .option(
      '--min-p <p>',
      'keep tokens of at least p times the best probability',
      parseNumber(0, 1),
    )
    .option('--repetition-penalty <r>', '1 changes nothing', parseNumber(0.01, 100))
    .option('--frequency-penalty <f>', '0 changes nothing', parseNumber(-2, 2))
    .option('--presence-penalty <p>', '0 changes nothing', parseNumber(-2, 2))
    .option('--seed <n>', 'same seed, same text', parseCount(0))
    .option('--stop <text>', 'end before this text; may be given several times', collect);
}

/** For conversations: small models lose the thread at temperature 1. */
export const CHAT_SAMPLING: SamplingParams = { ...DEFAULT_SAMPLING, temperature: 0.4, topP: 0.95 };

/** Flags over `defaults`; an absent seed is drawn at random. */
export function readSampling(
  flags: SamplingFlags,
  defaults: SamplingParams = DEFAULT_SAMPLING,
): SamplingParams {
  const d = defaults;
  return {
    temperature: flags.greedy === true ? 0 : (flags.temperature ?? d.temperature),
    topK: flags.topK ?? d.topK,
    topP: flags.topP ?? d.topP,
    minP: flags.minP ?? d.minP,
    repetitionPenalty: flags.repetitionPenalty ?? d.repetitionPenalty,
    frequencyPenalty: flags.frequencyPenalty ?? d.frequencyPenalty,
    presencePenalty: flags.presencePenalty ?? d.presencePenalty,
    seed: flags.seed ?? randomInt(MAX_SEED),
  };
}
