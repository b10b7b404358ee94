/** A base with an adapter that has eyes, and the encoder they see through, in this Node process. */
import type { Eyes, SeeingAdapter } from '../../../engine/adapters/eyes.ts';
import { encoderHash } from '../../../engine/adapters/eyes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { GivenPrompt, PromptSegment } from '../../../engine/generate/prompt.ts';
import type { AdapterUse, GenerateEvent, GenerateRequest } from '../../../engine/generate/types.ts';
import type { AdapterTensors } from '../../../engine/model/decoder/contract.ts';
import { pairBytes } from '../../../engine/model/decoder/adapters.ts';
import { eyesBytes } from '../../../engine/model/vision/projector.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { chooseSentinel } from '../../../engine/text/sentinel.ts';
import { decodePicture } from '../../../engine/vision/decode-picture.ts';
import { resize } from '../../../engine/vision/resize.ts';
import { between, withSegments } from '../../../worker/serving/senses/marks.ts';
import { beamSearch, type Candidate } from '../../eval/captions/beam-search.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import { loadLocalModel, type LocalModel } from '../../node-host/engine.ts';
import { loadLocalImageEncoder, type LocalImageEncoder } from '../../node-host/image-encoder.ts';
import { RowEncoder } from '../encode.ts';
import { readPicture } from './features.ts';
import type { PictureText } from './rows.ts';

const ADAPTER_ID = 'eyes';
const USE: AdapterUse = { id: ADAPTER_ID, activation: 'rows' };
/** Tokens of an answer. */
const MAX_TOKENS = 60;
/** Room for a picture, a question and an answer, of as many as are asked at a time. */
const CONTEXT_TOKENS = 2048;

type TokenEvent = Extract<GenerateEvent, { type: 'token' }>;
export type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

export class SeeingModel {
  readonly encoder: LocalImageEncoder;
  readonly eyes: Eyes;
  readonly #local: LocalModel;
  readonly #release: () => void;

  private constructor(
    local: LocalModel,
    encoder: LocalImageEncoder,
    eyes: Eyes,
    release: () => void,
  ) {
    this.#local = local;
    this.encoder = encoder;
    this.eyes = eyes;
    this.#release = release;
  }

  /**
   * @param id of the imported base
   * @throws {EngineError} E_USAGE for an adapter without eyes, E_ADAPTER_BASE for an encoder that is not the one they were
   *   trained with; what loading throws
   */
  static async open(id: string, adapter: SeeingAdapter, modelsRoot?: string): Promise<SeeingModel> {
    const { eyes, rank, scale, pairs } = adapter;
    if (eyes === undefined)
      throw new EngineError(
        'E_USAGE',
        'eval: the adapter has no eyes. Give one that thimble finetune --images has made.',
      );
    const { facts } = eyes;
    const encoder = await loadLocalImageEncoder(facts.encoder, modelsRoot, {
      eyesBytes: eyesBytes(facts),
    });
    if ((await encoderHash(encoder.manifest)) !== facts.encoderSha256)
      throw new EngineError(
        'E_ADAPTER_BASE',
        `eval: the adapter was trained with another ${facts.encoder} than is imported. Import that one.`,
      );
    const tensors: AdapterTensors = { id: ADAPTER_ID, rank, scale, pairs };
    const options = { nCtx: CONTEXT_TOKENS, adapterBytes: bytesOf(tensors) };
    const local = await loadLocalModel(id, options, modelsRoot);
    const release = await local.engine.useAdapter({
      ...{ id: ADAPTER_ID, file: null },
      load: () => Promise.resolve(tensors),
    });
    return new SeeingModel(local, encoder, eyes, release);
  }

  /** The rows that a picture becomes. @throws {EngineError} as `readPicture`, E_IMAGE_INVALID */
  async look(path: string): Promise<RowsSegment> {
    const { side } = this.encoder.manifest.config;
    const { rgb } = resize(decodePicture(await readPicture(path)), side, side, 'cubic');
    const { facts, tensors } = this.eyes;
    const rows = await this.encoder.engine.show(rgb, {
      ...{ id: ADAPTER_ID, regionBytes: eyesBytes(facts) },
      load: () => Promise.resolve(tensors),
    });
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    return { kind: 'rows', rows, hash: hashBytes(bytes) };
  }

  /** How ids of a conversation with a picture before a question are made. */
  #encoder(texts: readonly string[]): { readonly encoder: RowEncoder; readonly mark: string } {
    const { tokenizer, manifest } = this.#local;
    const { beginId, endId } = this.eyes.facts;
    const character = chooseSentinel(texts);
    const literal = tokenizer.literalOf(beginId) + tokenizer.literalOf(endId);
    return {
      mark: character,
      encoder: new RowEncoder({ tokenizer, manifest }, { character, literal }),
    };
  }

  #withPicture(ids: readonly number[], picture: RowsSegment | null): GivenPrompt {
    const { beginId, endId, grid } = this.eyes.facts;
    const image = { markers: [beginId, endId], nPosition: grid * grid };
    return withSegments(ids, picture === null ? [] : [between(image, picture)], { image });
  }

  /** -log of the probability of each token of an answer, up to the one that ends it. */
  async losses(
    picture: RowsSegment,
    { question, answer }: PictureText,
    signal: AbortSignal,
  ): Promise<number[]> {
    const { encoder, mark } = this.#encoder([question, answer]);
    const messages = [
      { role: 'user' as const, content: mark + question },
      { role: 'assistant' as const, content: answer },
    ];
    const [parts] = encoder.parts({ form: 'messages', messages }, 1);
    const [asked, said] = parts!.map(({ tokens }) => tokens);
    const request = {
      ...{ prompt: this.#withPicture([...asked!, ...said!], picture), maxTokens: 0 },
      ...{ stopTokens: [], promptLogprobs: true, topLogprobs: 0, sampling: DEFAULT_SAMPLING },
      adapter: USE,
    };
    const found: number[] = [];
    for await (const event of this.#local.engine.generate(request, signal))
      if (event.type === 'prompt')
        found.push(...event.logprobs.slice(-said!.length).map((one) => -(one?.logprob ?? NaN)));
    return found;
  }

  /** What the model answers about a picture, greedily; without one, what the base says. */
  async answer(
    picture: RowsSegment | null,
    question: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { tokenizer, manifest } = this.#local;
    const ids = this.#asked(picture, question);
    const said = await this.#generate(
      this.#withPicture(ids, picture),
      { maxTokens: MAX_TOKENS, stopTokens: manifest.tokenizer.eosIds, topLogprobs: null },
      signal,
    );
    return tokenizer.decode(said.map(({ token }) => token)).trim();
  }

  /** The best of `nBeam` answers that are kept side by side. */
  async bestAnswer(
    picture: RowsSegment,
    question: string,
    nBeam: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { tokenizer, manifest } = this.#local;
    const ids = this.#asked(picture, question);
    // What is kept of the text before is not evaluated again.
    const next = async (text: readonly number[]): Promise<readonly Candidate[]> => {
      const prompt = this.#withPicture([...ids, ...text], picture);
      const limits = { maxTokens: 1, stopTokens: [], topLogprobs: nBeam + 1 };
      const [found] = await this.#generate(prompt, limits, signal);
      return found?.logprob?.top ?? [];
    };
    const said = await beamSearch({
      ...{ nBeam, maxTokens: MAX_TOKENS, ends: manifest.tokenizer.eosIds },
      follow: (texts) => Promise.all(texts.map(next)),
    });
    return tokenizer.decode([...said]).trim();
  }

  #asked(picture: RowsSegment | null, question: string): number[] {
    const { encoder, mark } = this.#encoder([question]);
    return encoder.asked([
      { role: 'user', content: picture === null ? question : mark + question },
    ]);
  }

  /** Tokens that follow, greedily. */
  async #generate(
    prompt: GivenPrompt,
    limits: Pick<GenerateRequest, 'maxTokens' | 'stopTokens' | 'topLogprobs'>,
    signal: AbortSignal,
  ): Promise<TokenEvent[]> {
    const request = {
      ...{ prompt, ...limits, promptLogprobs: false, adapter: USE },
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
    };
    const said: TokenEvent[] = [];
    for await (const event of this.#local.engine.generate(request, signal))
      if (event.type === 'token') said.push(event);
    return said;
  }

  close(): void {
    this.#release();
  }
}

/** Room for an adapter in the engine. */
function bytesOf({ rank, pairs }: AdapterTensors): number {
  return [...pairs.values()].reduce(
    (sum, { a, b }) => sum + pairBytes('f32', rank, b.length / rank, a.length / rank),
    0,
  );
}
