/**
 * A decoder whose layers and vocabulary lie in several isolates: rows go from stage to stage and come
 * back, then to all stages that hold rows of the head at the same time. A call out and back costs as much
 * as handing rows on from stage to stage would, and the leader sees every failure itself.
 *
 * Many rows go in waves: while one is in the second stage, the next is in the first. Where every isolate has
 * a core of its own (deployments) that is what keeps all of them busy; where they share one, waves only
 * keep rows at what a stage takes at a time.
 */
import { EngineError } from '../../base/errors.ts';
import { RecentCache } from '../../base/recent-cache.ts';
import type { TakeTurn } from '../../base/turns.ts';
import type { ModelConfig } from '../../manifest/manifest.ts';
import { rowStride } from '../memory/layout.ts';
import { appendKeys } from './contract.ts';
import type {
  AdapterSource,
  BatchPart,
  DecoderBackend,
  DecoderLimits,
  PositionInput,
  VisitLogits,
} from './contract.ts';
import { isEmpty } from './piece.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES } from './plan.ts';
import { JoinedLogits, likeliest } from './joined-logits.ts';
import { stageLost } from './stage.ts';
import type { HeadRow, LayersAnswer, LayersCall, StageLink } from './stage.ts';
import { type Wanted, type Wave, wavesOf, WAVES_PER_STAGE } from './waves.ts';

/** Rows of whole logits that are held at a time: each is as large as the vocabulary. */
const WHOLE_ROWS = 4;
/** Embeddings kept in the leader, which saves a call for most tokens of a text. */
const KEPT_EMBEDDINGS_BYTES = 2_000_000;
/** How long a stage may take to begin a session, which may load its weights. */
const OPEN_LIMIT_MS = 60_000;
/**
 * Others get a turn in the middle of a wave once as many rows have gone through a stage, where stages share one
 * thread: one stage hands on to the next without any wait for input, and nobody is read before the last is done.
 */
const TURN_ROWS = 16;
/** Times that stages are asked to hold an adapter. */
const HOLD_TRIES = 3;
/** How long all stages together may take over a pass. */
const PASS_LIMIT_MS = 60_000;
/** Waits before a session is opened again, by failures in a row; the last for all further ones. */
const REOPEN_WAITS_MS = [0, 250, 1000];

export interface RingOptions {
  readonly nCtx: number;
  readonly nPage: number;
  /** Whether stages compute at the same time: each has a core of its own. */
  readonly overlap?: boolean;
  /** Whether a learned row is added to the embedding of each position. */
  readonly learnedPositions?: boolean;
  /** A new name for each session. */
  readonly newSession?: () => string;
  /** A turn for others, where stages share one thread. */
  readonly takeTurn?: TakeTurn;
}

/** A wave after its layers. */
interface WaveResult {
  /** The rows whose logits are wanted, as the last layer leaves them. */
  readonly rows: Float32Array;
  readonly wanted: readonly Wanted[];
  /** For each of them what the stages of the head answered; null when they are still to be asked. */
  readonly heads: readonly (readonly HeadRow[])[] | null;
}

export class RingDecoder implements DecoderBackend {
  readonly config: ModelConfig;
  readonly limits: DecoderLimits;
  readonly #layerStages: readonly StageLink[];
  readonly #rowStages: readonly StageLink[];
  readonly #stages: readonly StageLink[];
  readonly #overlap: boolean;
  readonly #learnedPositions: boolean;
  readonly #newSession: () => string;
  readonly #takeTurn: TakeTurn | null;
  readonly #stride: number;
  readonly #embeddings: RecentCache<number, Float32Array>;
  /** Fulfilled once the last pass is over. */
  #pass: Promise<void> = Promise.resolve();
  /** Adapters that all stages of layers hold. */
  readonly #adapters = new Map<string, AdapterSource>();
  /** Stages that have not answered yet. */
  readonly #asked = new Set<StageLink>();
  /** Null when the next pass has to begin one. */
  #session: string | null = null;
  #nPass = 0;
  #nFailure = 0;
  #copies: [from: number, to: number][] = [];
  readonly #shown: JoinedLogits;

  /** @param stages in the order of their layers; their pieces make up the model, as a checked placement says */
  constructor(config: ModelConfig, stages: readonly StageLink[], options: RingOptions) {
    const { nCtx, nPage, overlap = false, learnedPositions = false } = options;
    const { newSession = () => crypto.randomUUID(), takeTurn = null } = options;
    this.config = config;
    this.#stages = stages;
    this.#layerStages = stages
      .filter(({ piece }) => !isEmpty(piece.layers))
      .sort((a, b) => a.piece.layers[0] - b.piece.layers[0]);
    this.#rowStages = stages
      .filter(({ piece }) => !isEmpty(piece.rows))
      .sort((a, b) => a.piece.rows[0] - b.piece.rows[0]);
    this.#overlap = overlap;
    this.#learnedPositions = learnedPositions;
    this.#newSession = newSession;
    this.#takeTurn = overlap ? null : takeTurn;
    this.#stride = rowStride(config.nEmbd);
    this.#shown = new JoinedLogits(config.nVocab, this.#rowStages);
    const nWave = overlap ? WAVES_PER_STAGE * this.#layerStages.length : 1;
    this.limits = { nCtx, nPage, maxRows: CHUNK_TOKENS * nWave, maxSequences: MAX_SEQUENCES };
    this.#embeddings = new RecentCache({
      maxSize: KEPT_EMBEDDINGS_BYTES,
      sizeOf: (row) => row.byteLength,
    });
  }

  async forward(parts: readonly BatchPart[], visit?: VisitLogits): Promise<void> {
    const pass = this.#run(parts, visit);
    this.#pass = pass.catch(() => undefined);
    await pass;
  }

  async #run(parts: readonly BatchPart[], visit?: VisitLogits): Promise<void> {
    this.#checkParts(parts);
    await this.#open();
    const copies = this.#copies.splice(0);
    const nStage = this.#layerStages.length;
    const waves = wavesOf(parts, nStage, this.#overlap);
    const results = await this.#guard(PASS_LIMIT_MS, () =>
      this.#runWaves(waves, copies, visit !== undefined),
    );
    this.#nFailure = 0;
    for (const part of parts) appendKeys(part);
    if (visit !== undefined) for (const result of results) await this.#visit(result, visit);
  }

  /** Copies all keys and values of a page, in every stage before its next pass. */
  copyPage(from: number, to: number): void {
    this.#copies.push([from, to]);
  }

  /** In all stages, which read their own layers. */
  async holdAdapter(source: AdapterSource): Promise<void> {
    for (let nTry = 1; ; nTry++)
      try {
        await this.#holdInAll(source);
        this.#adapters.set(source.id, source);
        return;
      } catch (error) {
        // A session that begins meanwhile closes the sockets over which stages were asked.
        if (isStageLost(error) && nTry < HOLD_TRIES) continue;
        // Those that had room have it again.
        await this.dropAdapter(source.id);
        throw error;
      }
  }

  async #holdInAll(source: AdapterSource): Promise<void> {
    const asked = this.#layerStages.map((stage) => stage.holdAdapter(source));
    // All have answered before anything is dropped again.
    for (const answer of await Promise.allSettled(asked))
      if (answer.status === 'rejected') throw answer.reason;
  }

  /** After the pass that runs: a generation in it may have left already, and its rows go on. */
  async dropAdapter(id: string): Promise<void> {
    this.#adapters.delete(id);
    await this.#pass;
    for (const stage of this.#layerStages)
      // A stage that does not answer has lost it, or loses it with the next session.
      void Promise.resolve(stage.dropAdapter(id)).catch(() => undefined);
  }

  /** The next pass begins a session. */
  reset(): void {
    this.#session = null;
    this.#shown.hide();
  }

  logits(): Float32Array {
    return this.#shown.logits();
  }

  argmax(): number {
    return this.#shown.argmax();
  }

  sumExp(_row: number, top: number): number {
    return this.#shown.sumExp(top);
  }

  /** As the contract asks: before anything is appended. */
  #checkParts(parts: readonly BatchPart[]): void {
    const nRow = parts.reduce((sum, { inputs }) => sum + inputs.length, 0);
    if (nRow === 0 || nRow > this.limits.maxRows)
      throw new EngineError(
        'E_INTERNAL',
        `forward: expected 1 to ${this.limits.maxRows} rows, got ${nRow}`,
      );
    const { nVocab, nEmbd } = this.config;
    for (const input of parts.flatMap(({ inputs }) => inputs)) {
      if (typeof input !== 'number' && input.values.length !== nEmbd)
        throw new EngineError(
          'E_INTERNAL',
          `embed: expected a row of ${nEmbd} values, got ${input.values.length}`,
        );
      if (typeof input === 'number' && !(Number.isInteger(input) && 0 <= input && input < nVocab))
        throw new EngineError(
          'E_REQUEST_INVALID',
          `tokens: id ${input} is not in the vocabulary; expected 0 to ${nVocab - 1}. Use the tokenizer of this model.`,
          { details: { token: input, nVocab }, param: 'prompt' },
        );
    }
    if (
      this.#learnedPositions &&
      parts.some(({ inputs }) => inputs.some((x) => typeof x !== 'number'))
    )
      throw new EngineError(
        'E_REQUEST_INVALID',
        'prompt: this model adds learned positions to tokens only, and takes no pictures here. Send text.',
        { param: 'prompt' },
      );
  }

  /** Begins a session unless one runs. */
  async #open(): Promise<void> {
    if (this.#session !== null) return;
    const waitMs = REOPEN_WAITS_MS[Math.min(this.#nFailure, REOPEN_WAITS_MS.length - 1)]!;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const session = this.#newSession();
    // Copies of pages whose content is void.
    this.#copies = [];
    this.#nPass = 0;
    await this.#guard(OPEN_LIMIT_MS, () =>
      Promise.all(this.#stages.map((stage) => this.#ask(stage, () => stage.open(session)))),
    );
    // A stage that restarted has none of them; the others have them still.
    await this.#guard(OPEN_LIMIT_MS, async () => {
      for (const source of this.#adapters.values()) await this.#holdInAll(source);
    });
    this.#session = session;
  }

  /**
   * Runs `work`, which calls stages. After a failure the session is over, and what is still under way will be
   * refused.
   * @throws {EngineError} E_STAGE_LOST naming a stage that has not answered within `limitMs`.
   */
  async #guard<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
    this.#asked.clear();
    const late = Promise.withResolvers<never>();
    // One timer a pass: one a call would cost as much as the call.
    const timer = setTimeout(() => {
      const [stage] = this.#asked;
      late.reject(stageLost(stage?.name ?? 'leader', `did not answer within ${limitMs} ms`));
    }, limitMs);
    try {
      return await Promise.race([work(), late.promise]);
    } catch (error) {
      this.#session = null;
      this.#nFailure++;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask<T>(stage: StageLink, call: () => T | Promise<T>): Promise<T> {
    this.#asked.add(stage);
    const answer = await call();
    this.#asked.delete(stage);
    return answer;
  }

  async #runWaves(
    waves: readonly Wave[],
    copies: readonly [number, number][],
    isShown: boolean,
  ): Promise<WaveResult[]> {
    const session = this.#session!;
    const inputs = waves.flatMap((wave) => wave.inputs);
    const positions = waves.flatMap((wave) => wave.positions);
    const rows = await this.#embed(inputs, positions);
    let first = 0;
    return await Promise.all(
      waves.map(async (wave, i) => {
        const end = first + wave.inputs.length;
        // A copy: a view would travel with all the rows it is a view of.
        const own = rows.slice(first * this.#stride, end * this.#stride);
        first = end;
        const call = { session, nPass: this.#nPass++, places: wave.places, rows: own };
        const sent = { ...call, copies: i === 0 ? copies : [] };
        const wanted = isShown ? wave.wanted : [];
        const nWhole = wanted.filter(({ onlyTop }) => !onlyTop).length;
        // Many whole rows of logits have no room beside each other: they are asked for as they are shown.
        const isLater = nWhole > WHOLE_ROWS || wanted.length === 0;
        const left = await this.#runWave(wave, waves[i - 1], sent, isLater ? [] : wanted);
        const heads = isLater ? null : await this.#head(left.rows, wanted, left.head);
        return { rows: left.rows, wanted, heads };
      }),
    );
  }

  /**
   * A wave through all layers. Each stage sees the waves in their order.
   * @param wanted rows whose logits the last stage is asked for, too, if it holds rows of the vocabulary
   */
  async #runWave(
    wave: Wave,
    before: Wave | undefined,
    first: LayersCall,
    wanted: readonly Wanted[],
  ): Promise<LayersAnswer> {
    const last = this.#layerStages.at(-1)!;
    const asksHead = wanted.length > 0 && !isEmpty(last.piece.rows);
    const onlyTop = wanted.map((row) => row.onlyTop);
    let left: LayersAnswer = { rows: first.rows, head: null };
    let nSinceTurn = 0;
    try {
      for (const [i, stage] of this.#layerStages.entries()) {
        await before?.sent[i]!.promise;
        const { rows } = left;
        const call = stage === last && asksHead ? { ...first, rows, onlyTop } : { ...first, rows };
        const answer = this.#ask(stage, () => stage.layers(call));
        wave.sent[i]!.resolve();
        left = await answer;
        nSinceTurn += wave.inputs.length;
        if (nSinceTurn < TURN_ROWS) continue;
        nSinceTurn = 0;
        await this.#takeTurn?.();
      }
      return left;
    } finally {
      // After a failure, those that wait are sent, and refused.
      for (const { resolve } of wave.sent) resolve();
    }
  }

  /** Embeddings of tokens, from the stages that hold them, and rows that come as they are. */
  async #embed(
    inputs: readonly PositionInput[],
    positions: readonly number[],
  ): Promise<Float32Array> {
    const rows = new Float32Array(inputs.length * this.#stride);
    const missing: number[] = [];
    for (const [i, input] of inputs.entries()) {
      const row = typeof input === 'number' ? this.#embeddings.get(input) : input.values;
      if (row === undefined) missing.push(i);
      else rows.set(row, i * this.#stride);
    }
    if (missing.length > 0) await this.#fetchEmbeddings(inputs, positions, missing, rows);
    return rows;
  }

  /** Fills the rows of the inputs whose indices are `missing`, which are tokens. */
  async #fetchEmbeddings(
    inputs: readonly PositionInput[],
    positions: readonly number[],
    missing: readonly number[],
    rows: Float32Array,
  ): Promise<void> {
    const stride = this.#stride;
    const fetch = async (stage: StageLink, indices: readonly number[]): Promise<void> => {
      const ids = indices.map((i) => inputs[i] as number);
      const found = await this.#ask(stage, () =>
        stage.embed(
          ids,
          indices.map((i) => positions[i]!),
        ),
      );
      for (const [k, i] of indices.entries()) {
        const row = found.slice(k * stride, (k + 1) * stride);
        rows.set(row, i * stride);
        if (!this.#learnedPositions) this.#embeddings.set(ids[k]!, row);
      }
    };
    await Promise.all(
      this.#rowStages.flatMap((stage) => {
        const [from, to] = stage.piece.rows;
        const own = missing.filter((i) => from <= Number(inputs[i]) && Number(inputs[i]) < to);
        const chunks = Array.from({ length: Math.ceil(own.length / CHUNK_TOKENS) }, (_, c) =>
          own.slice(c * CHUNK_TOKENS, (c + 1) * CHUNK_TOKENS),
        );
        return chunks.map((chunk) => fetch(stage, chunk));
      }),
    );
  }

  /** Logits of a wave's wanted rows from all stages of the head, as soon as its layers are done. */
  async #head(
    rows: Float32Array,
    wanted: readonly Wanted[],
    ofLast: readonly HeadRow[] | null = null,
  ): Promise<(readonly HeadRow[])[]> {
    const call = {
      rows: rows.slice(0, wanted.length * this.#stride),
      onlyTop: wanted.map(({ onlyTop }) => onlyTop),
    };
    const last = this.#layerStages.at(-1);
    const answers = await Promise.all(
      this.#rowStages.map(async (stage) =>
        ofLast !== null && stage === last ? ofLast : await this.#ask(stage, () => stage.head(call)),
      ),
    );
    const heads = wanted.map((_, i) => answers.map((answer) => answer[i]!));
    for (const { id, embedding } of heads.map(likeliest))
      if (embedding !== null) this.#embeddings.set(id, embedding);
    return heads;
  }

  /** Shows the logits of a wave's wanted rows, in order. */
  async #visit({ rows, wanted, heads }: WaveResult, visit: VisitLogits): Promise<void> {
    for (let at = 0; at < wanted.length; at += WHOLE_ROWS) {
      const some = wanted.slice(at, at + WHOLE_ROWS);
      const parts =
        heads?.slice(at, at + WHOLE_ROWS) ??
        (await this.#guard(PASS_LIMIT_MS, () =>
          this.#head(rows.subarray(at * this.#stride), some),
        ));
      for (const [i, { part, index }] of some.entries()) {
        this.#shown.show(parts[i]!);
        visit(part, index, 0);
      }
    }
    this.#shown.hide();
  }
}

function isStageLost(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'E_STAGE_LOST';
}
