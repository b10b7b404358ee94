/** Greedy answers of a base and of its adapter, by the engine that serves them: what recipes are measured with. */
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import type { AdapterUse, TokenLogprob } from '../../../engine/generate/types.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { tokenVocabulary } from '../../../engine/text/token-vocabulary.ts';
import { loadLocalModel, type LocalModel } from '../../node-host/engine.ts';
import { RowEncoder } from '../encode.ts';
import type { Message } from '../rows.ts';
import { adapterBytes } from '../samples.ts';

/** A conversation for the model's template, or a text that it goes on with. */
export type Asked = readonly Message[] | string;

export interface AnswerOptions {
  /** Tokens of an answer at most. */
  readonly maxTokens: number;
  readonly adapter?: AdapterUse | null;
  readonly constraint?: ConstraintRequest | null;
  /** Whether what was said so far is all that counts. */
  readonly isDone?: (said: string) => boolean;
}

/** Answers that are made at the same time: they share passes over the weights, and none changes another. */
const N_TOGETHER = 8;
/** Room for as many prompts with examples. */
const N_CTX = 4096;
/** Log-probabilities that are compared at each token. */
const N_TOP = 5;

/** The base with room for the adapter, and what grammars need. @throws {EngineError} what loading throws */
export async function loadWithAdapter(
  id: string,
  manifest: DecoderManifest,
  { rank, scale, pairs }: Adapter,
  modelsRoot?: string,
): Promise<LocalModel> {
  const bytes = adapterBytes({ id, rank, scale, pairs }, manifest);
  const nCtx = Math.min(N_CTX, manifest.config.nCtx);
  const local = await loadLocalModel(id, { nCtx, adapterBytes: bytes }, modelsRoot);
  local.engine.setVocabulary(tokenVocabulary(local.tokenizer, manifest.config.nVocab));
  return local;
}

/** Runs `work` with the adapter in the engine. */
export async function withAdapter<T>(
  engine: Pick<LocalModel['engine'], 'useAdapter'>,
  { rank, scale, pairs, activation }: Adapter,
  work: (use: AdapterUse) => Promise<T>,
): Promise<T> {
  const use: AdapterUse = { id: 'measured', activation };
  const release = await engine.useAdapter({
    ...{ id: use.id, file: null },
    load: () => Promise.resolve({ id: use.id, rank, scale, pairs }),
  });
  try {
    return await work(use);
  } finally {
    release();
  }
}

export class Answerer {
  readonly #local: LocalModel;
  readonly #encoder: RowEncoder;
  readonly #signal: AbortSignal;

  constructor(local: LocalModel, signal: AbortSignal) {
    this.#local = local;
    this.#encoder = new RowEncoder(local);
    this.#signal = signal;
  }

  withAdapter<T>(adapter: Adapter, work: (use: AdapterUse) => Promise<T>): Promise<T> {
    return withAdapter(this.#local.engine, adapter, work);
  }

  /** Answers to all items, in their order. @throws {EngineError} E_ABORTED */
  async answerAll<T>(
    items: readonly T[],
    ask: (item: T) => { readonly asked: Asked } & AnswerOptions,
    onAnswer: (item: T, answer: string) => void,
  ): Promise<string[]> {
    const answers: string[] = [];
    for (let at = 0; at < items.length; at += N_TOGETHER) {
      const part = items.slice(at, at + N_TOGETHER);
      const said = await Promise.all(
        part.map((item) => {
          const { asked, ...options } = ask(item);
          return this.answer(asked, options);
        }),
      );
      for (const [i, answer] of said.entries()) onAnswer(part[i]!, answer);
      answers.push(...said);
    }
    return answers;
  }

  /** @throws {EngineError} E_ABORTED */
  async answer(asked: Asked, options: AnswerOptions): Promise<string> {
    const said: number[] = [];
    for await (const { token } of this.#tokens(asked, options, null, '')) {
      said.push(token);
      if (options.isDone?.(this.#local.tokenizer.decode(said)) === true) break;
    }
    return this.#local.tokenizer.decode(said);
  }

  /** Tokens and log-probabilities of the base's answers as texts; nothing that another `scope` has kept is used. */
  async traces(asked: readonly Asked[], maxTokens: number, scope: string): Promise<string[]> {
    const traces: string[] = [];
    for (const one of asked) {
      const trace = [];
      for await (const told of this.#tokens(one, { maxTokens }, N_TOP, scope)) trace.push(told);
      traces.push(JSON.stringify(trace));
    }
    return traces;
  }

  async *#tokens(
    asked: Asked,
    { maxTokens, adapter = null, constraint = null }: AnswerOptions,
    topLogprobs: number | null,
    scope: string,
  ): AsyncGenerator<{ readonly token: number; readonly logprob: TokenLogprob | null }> {
    const { engine, tokenizer, manifest } = this.#local;
    const ids =
      typeof asked === 'string'
        ? tokenizer.encode(asked, { special: false, bos: true })
        : this.#encoder.asked(asked);
    const request = {
      ...{ prompt: tokenPrompt(ids), maxTokens, topLogprobs, scope },
      ...{ stopTokens: manifest.tokenizer.eosIds, promptLogprobs: false },
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
      ...(adapter === null ? {} : { adapter }),
      ...(constraint === null ? {} : { constraint }),
    };
    for await (const event of engine.generate(request, this.#signal))
      if (event.type === 'token') yield { token: event.token, logprob: event.logprob };
  }
}
