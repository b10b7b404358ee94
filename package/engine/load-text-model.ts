/** A text model over files from anywhere: the engine, its tokenizer and its chat template. */
import { EngineError } from '../../engine/base/errors.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import { Engine } from '../../engine/generate/engine.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import { parseManifest, requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import { Detokenizer } from '../../engine/text/detokenizer.ts';
import { StopMatcher } from '../../engine/text/stop-strings.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import type {
  FinishReason,
  LoadOptions,
  Message,
  ModelFiles,
  TextModel,
  TextOptions,
  TextResult,
  TextStream,
} from './types.ts';

/** @throws {EngineError} E_MANIFEST_INVALID, E_MODEL_KIND, E_TOKENIZER, and what `Engine.load` throws */
export async function loadTextModel(
  files: ModelFiles,
  kernels: KernelModules,
  { contextTokens, memoryBudgetBytes = null }: LoadOptions = {},
  nextTurn?: () => Promise<void>,
): Promise<TextModel> {
  const manifest = requireKind(parseManifest(parseJson(await files.readText(null))), 'decoder');
  const tokenizer = Tokenizer.parse(await files.readText(manifest.tokenizer), manifest.tokenizer);
  const source = {
    manifest,
    async readShard(index: number, into: Uint8Array): Promise<void> {
      const shard = manifest.shards[index];
      if (shard === undefined) throw new EngineError('E_INTERNAL', `model: no shard ${index}.`);
      await files.readInto(shard, into);
    },
  };
  const engine = await Engine.load(source, kernels, {
    memoryBudgetBytes,
    ...(nextTurn === undefined ? {} : { openTurns: plainTurns(nextTurn) }),
    ...(contextTokens === undefined ? {} : { nCtx: contextTokens }),
  });
  return new LoadedTextModel(engine, manifest, tokenizer);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError(
      'E_MANIFEST_INVALID',
      'manifest.json: not JSON. Import the model again.',
      {
        cause,
      },
    );
  }
}

class LoadedTextModel implements TextModel {
  readonly id: string;
  readonly contextTokens: number;
  readonly hasChatTemplate: boolean;
  readonly #engine: Engine;
  readonly #manifest: DecoderManifest;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;

  constructor(engine: Engine, manifest: DecoderManifest, tokenizer: Tokenizer) {
    this.id = manifest.id;
    this.contextTokens = engine.nCtx;
    this.hasChatTemplate = manifest.chatTemplate !== null;
    this.#engine = engine;
    this.#manifest = manifest;
    this.#tokenizer = tokenizer;
    this.#template = new ChatTemplate(manifest.chatTemplate);
  }

  generate(prompt: string, options: TextOptions = {}): TextStream {
    return this.#run(this.#tokenizer.encode(prompt, { special: false, bos: true }), options);
  }

  chat(messages: readonly Message[], options: TextOptions = {}): TextStream {
    const { bosId, eosIds } = this.#manifest.tokenizer;
    const { text, sentinel } = this.#template.render(messages, {
      bosToken: this.#tokenizer.literalOf(bosId),
      eosToken: this.#tokenizer.literalOf(eosIds[0]),
      specialLiterals: this.#tokenizer.specialLiterals,
    });
    return this.#run(this.#tokenizer.encodeTemplate(text, sentinel), options);
  }

  tokenize(text: string): number[] {
    return this.#tokenizer.encode(text, { special: false, bos: false });
  }

  detokenize(tokens: readonly number[]): string {
    return this.#tokenizer.decode(tokens);
  }

  close(): void {
    this.#engine.close();
  }

  async *#run(prompt: readonly number[], options: TextOptions): TextStream {
    const { maxTokens, temperature = 0, topP = 1, seed = 0, stop = [], signal } = options;
    const detokenizer = new Detokenizer(this.#tokenizer, {
      atTextStart: prompt.length === 0,
      special: false,
    });
    const matcher = new StopMatcher(stop);
    let text = '';
    let completionTokens = 0;
    let finishReason: FinishReason = 'length';
    const result = (): TextResult => ({
      text,
      finishReason,
      promptTokens: prompt.length,
      completionTokens,
    });
    const request = {
      prompt: tokenPrompt(prompt),
      maxTokens: maxTokens ?? Math.max(1, this.contextTokens - prompt.length),
      sampling: { ...DEFAULT_SAMPLING, temperature, topP, seed },
      stopTokens: this.#manifest.tokenizer.eosIds,
      topLogprobs: null,
      promptLogprobs: false,
    };
    for await (const event of this.#engine.generate(
      request,
      signal ?? new AbortController().signal,
    )) {
      if (event.type === 'done') finishReason = event.reason;
      if (event.type !== 'token') continue;
      completionTokens++;
      const match = matcher.push(detokenizer.push(event.token));
      text += match.text;
      if (match.text !== '') yield match.text;
      if (match.stop !== null) {
        finishReason = 'stop';
        return result();
      }
    }
    const last = matcher.push(detokenizer.flush());
    const rest = last.text + (last.stop === null ? matcher.flush() : '');
    text += rest;
    if (rest !== '') yield rest;
    return result();
  }
}
