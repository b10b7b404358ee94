/** The samplers a chain is made of, by name, and which parameters exclude each other. */
import { EngineError } from '../base/errors.ts';
import { DEFAULT_SAMPLERS } from './params.ts';
import type { SamplerName, SamplingParams } from './params.ts';
import { BANNED_WORDS } from './banned-words.ts';
import { DRY } from './dry.ts';
import { LOGIT_BIAS } from './logit-bias.ts';
import { MIN_P } from './min-p.ts';
import { MIN_TOKENS } from './min-tokens.ts';
import { MIROSTAT } from './mirostat.ts';
import { PENALTIES } from './penalties.ts';
import type { Sampler, SamplerRow } from './sampler.ts';
import { TEMPERATURE } from './temperature.ts';
import { TOP_K } from './top-k.ts';
import { TOP_N_SIGMA } from './top-n-sigma.ts';
import { TOP_P } from './top-p.ts';
import { TYPICAL_P } from './typical-p.ts';
import { WATERMARK } from './watermark.ts';
import { XTC } from './xtc.ts';

export const SAMPLERS: Readonly<Record<SamplerName, SamplerRow>> = {
  penalties: PENALTIES,
  dry: DRY,
  top_n_sigma: TOP_N_SIGMA,
  top_k: TOP_K,
  typical_p: TYPICAL_P,
  top_p: TOP_P,
  min_p: MIN_P,
  xtc: XTC,
  temperature: TEMPERATURE,
};

/** The request's field for each sampler, for errors. */
const FIELDS: Readonly<Record<SamplerName, string>> = {
  penalties: 'repetition_penalty',
  dry: 'dry_multiplier',
  top_n_sigma: 'top_n_sigma',
  top_k: 'top_k',
  typical_p: 'typical_p',
  top_p: 'top_p',
  min_p: 'min_p',
  xtc: 'xtc_probability',
  temperature: 'temperature',
};
/** Samplers that work with Mirostat, which decides itself how many tokens are left. */
const WITH_MIROSTAT = ['penalties', 'dry', 'temperature'] as const satisfies SamplerName[];

/** Samplers that do something with these parameters, in order. */
export function activeSamplers(p: SamplingParams): Sampler[] {
  const order: readonly SamplerName[] = p.mirostat === 2 ? WITH_MIROSTAT : p.samplers;
  const first = [LOGIT_BIAS, MIN_TOKENS, BANNED_WORDS];
  const rows = [...first, ...order.map((name) => SAMPLERS[name]), MIROSTAT, WATERMARK];
  return rows.filter(({ isActive }) => isActive(p)).map(({ create }) => create(p));
}

/**
 * @throws {EngineError} E_REQUEST_INVALID naming a parameter that another one makes meaningless, or a
 *   biased token outside a vocabulary of `nVocab`.
 */
export function checkSampling(p: SamplingParams, nVocab: number): void {
  const active = (Object.keys(SAMPLERS) as SamplerName[]).filter((name) =>
    SAMPLERS[name].isActive(p),
  );
  const unnamed = active.find((name) => !p.samplers.includes(name));
  if (unnamed !== undefined)
    throw refused(FIELDS[unnamed], `"samplers" without "${unnamed}"`, `name "${unnamed}" there`);
  if (p.mirostat === 2) {
    if (p.samplers.join() !== DEFAULT_SAMPLERS.join())
      throw refused('samplers', 'mirostat, which has an order of its own', 'leave one of them out');
    const works: readonly SamplerName[] = WITH_MIROSTAT;
    const other = active.find((name) => !works.includes(name));
    if (other !== undefined)
      throw refused(
        FIELDS[other],
        'mirostat, which decides itself how many tokens are left',
        'leave one of them out',
      );
  }
  if (p.temperature === 0) {
    if (p.mirostat === 2) throw refused('mirostat', 'temperature 0', 'leave one of them out');
    if (XTC.isActive(p)) throw refused('xtc_probability', 'temperature 0', 'leave one of them out');
  }
  const outside = p.logitBias.find(([token]) => !(token >= 0 && token < nVocab));
  if (outside !== undefined)
    throw new EngineError(
      'E_REQUEST_INVALID',
      `logit_bias: id ${outside[0]} is not in the vocabulary; expected 0 to ${nVocab - 1}. Use the tokenizer of this model.`,
      { param: 'logit_bias', details: { token: outside[0], nVocab } },
    );
}

function refused(param: string, other: string, fix: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${param}: has no effect with ${other}; ${fix}.`, {
    param,
    details: { with: other },
  });
}
