/**
 * A model that says what others learn: for each token of a text the likeliest tokens with their shares (distillation, arXiv
 * 1503.02531). It runs in the engine that would serve it.
 */
import { EngineError } from '../../engine/base/errors.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { type ModelIdentity, sharesTokenizer } from '../../engine/generate/model-drafts.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import type { GenerateRequest, TokenLogprob } from '../../engine/generate/types.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING, type SamplingParams } from '../../engine/sample/params.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import type { Shares } from './adapter-training.ts';

/** Likeliest tokens of each position that are learned; what is left of the distribution counts as none. */
export const N_SHARE = 16;

/** Tokens that follow a prompt, and what the teacher says of each. */
export interface Told {
  readonly tokens: readonly number[];
  readonly shares: Shares;
}

export interface AnswerOptions {
  readonly maxTokens: number;
  readonly sampling?: Partial<SamplingParams>;
  readonly signal: AbortSignal;
}

export class Teacher {
  /** Hashes of its weights. */
  readonly shards: readonly string[];
  readonly #engine: Engine;
  readonly #eosIds: readonly number[];

  private constructor(engine: Engine, { shards, tokenizer }: DecoderManifest) {
    this.shards = shards.map(({ sha256 }) => sha256);
    this.#engine = engine;
    this.#eosIds = tokenizer.eosIds;
  }

  /**
   * @param student whose tokenizer it must have
   * @param nCtx positions of its longest text
   * @throws {EngineError} E_USAGE for another tokenizer or fewer positions; what loading throws
   */
  static async load(
    id: string,
    student: ModelIdentity,
    nCtx: number,
    modelsRoot?: string,
  ): Promise<Teacher> {
    const { engine, manifest } = await loadLocalModel(id, { nCtx }, modelsRoot);
    if (!sharesTokenizer(manifest, student))
      throw new EngineError(
        'E_USAGE',
        `teacher: ${id} has another tokenizer than ${student.id}. Take a model of the same family.`,
        { param: 'teacher', details: { teacher: id, model: student.id } },
      );
    if (engine.nCtx < nCtx)
      throw new EngineError(
        'E_USAGE',
        `teacher: ${id} has a context of ${engine.nCtx} tokens; ${nCtx} are needed. Take shorter texts or another teacher.`,
        { param: 'teacher', details: { nCtx: engine.nCtx, needed: nCtx } },
      );
    return new Teacher(engine, manifest);
  }

  /**
   * What it says of the tokens of a text from position `from` on, which is at least 1.
   * @throws {EngineError} E_ABORTED
   */
  async read(tokens: readonly number[], from: number, signal: AbortSignal): Promise<Shares> {
    const request: GenerateRequest = {
      ...{ ...this.#request(tokens, {}), maxTokens: 0 },
      ...{ promptLogprobs: true, promptLogprobsFrom: from },
    };
    let said: readonly (TokenLogprob | null)[] = [];
    for await (const event of this.#engine.generate(request, signal))
      if (event.type === 'prompt') said = event.logprobs;
    return sharesOf(said.slice(said.length - (tokens.length - from)));
  }

  /**
   * An answer with the token that ends it, if that comes within `maxTokens`; greedy by default.
   * @throws {EngineError} E_ABORTED
   */
  async answer(
    prompt: readonly number[],
    { maxTokens, sampling = {}, signal }: AnswerOptions,
  ): Promise<Told> {
    const request: GenerateRequest = { ...this.#request(prompt, sampling), maxTokens };
    const said: TokenLogprob[] = [];
    for await (const event of this.#engine.generate(request, signal)) {
      if (event.type !== 'token' || event.logprob === null) continue;
      said.push(event.logprob);
      if (this.#eosIds.includes(event.token)) break;
    }
    return { tokens: said.map(({ token }) => token), shares: sharesOf(said) };
  }

  /** The token that ends an answer is one of those that are told. */
  #request(prompt: readonly number[], sampling: Partial<SamplingParams>) {
    return {
      ...{ prompt: tokenPrompt(prompt), stopTokens: [], topLogprobs: N_SHARE },
      ...{ promptLogprobs: false, sampling: { ...DEFAULT_SAMPLING, temperature: 0, ...sampling } },
    };
  }
}

/** Tokens as somebody says them who has no doubt. */
export function certain(tokens: readonly number[]): Told {
  const ids = new Uint32Array(tokens.length * N_SHARE);
  const values = new Float32Array(tokens.length * N_SHARE);
  for (const [i, token] of tokens.entries()) {
    ids[i * N_SHARE] = token;
    values[i * N_SHARE] = 1;
  }
  return { tokens, shares: { ids, values } };
}

/** Shares of the likeliest tokens, which sum to 1 at every position. */
function sharesOf(said: readonly (TokenLogprob | null)[]): Shares {
  const ids = new Uint32Array(said.length * N_SHARE);
  const values = new Float32Array(said.length * N_SHARE);
  for (const [i, one] of said.entries()) {
    const top = one?.top ?? [];
    const sum = top.reduce((total, { logprob }) => total + Math.exp(logprob), 0);
    for (const [j, { token, logprob }] of top.entries()) {
      ids[i * N_SHARE + j] = token;
      values[i * N_SHARE + j] = Math.exp(logprob) / sum;
    }
  }
  return { ids, values };
}
