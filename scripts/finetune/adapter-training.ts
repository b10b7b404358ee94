/**
 * A training of an adapter or a prefix in memory: passes over whole sequences, and updates. Knows no files but the base's
 * shards.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { createMemory } from '../../engine/kernels/wasm/module.ts';
import type { TrainingKernels } from '../../engine/kernels/wasm/training-module.ts';
import { loadShards } from '../../engine/model/memory/loader.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { LAYOUT_HEAD, trunksAt } from '../../engine/train/adapter/plan.ts';
import { sliceOf, unpackRow } from '../../engine/train/adapter/unpack.ts';
import { EYES_PREFIX } from '../../engine/train/eyes.ts';
import { initAdapter, initEyes } from '../../engine/train/init.ts';
import type { VectorInput } from '../../engine/train/ops/placed-rows.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import type { AdapterProgramConfig } from '../../engine/train/program.ts';
import { type BatchVectors, NO_VECTORS } from '../train/training.ts';
import { startCrew, type StartedCrew, Trainer } from '../train/trainer.ts';

/** Sequences that are in memory together, one after the other. */
export interface Pass {
  readonly tokens: Uint32Array;
  /** First row of every sequence, then the number of rows. */
  readonly starts: Uint32Array;
  /** Of every sequence that which it goes on from and which stands before it, or its own number; each begins anew by default. */
  readonly trunks?: Uint32Array;
  /** Per row whether the adapter counts: 1 or 0. */
  readonly active: Float32Array;
  /** Rows whose next token is learned, in ascending order. */
  readonly picks: Uint32Array;
  /** Per pick its next token, and how much it counts. */
  readonly targets: Uint32Array;
  readonly weights: Float32Array;
  /** Per pick what a teacher says in place of `targets`; null where the next token is learned. */
  readonly shares?: Shares | null;
  /** What takes rows in place of tokens, for a training with eyes; none by default. */
  readonly pictures?: BatchVectors | null;
}

/** The likeliest tokens of a teacher, as many for every pick. */
export interface Shares {
  readonly ids: Uint32Array;
  /** Sum to 1 for every pick. */
  readonly values: Float32Array;
}

/** Root of the mean square of usual embeddings; eyes that are begun from words have that of their base. */
const USUAL_GAIN = 0.1;

export class AdapterTraining extends Trainer<AdapterProgramConfig> {
  readonly #config: AdapterProgramConfig['adapter'];
  /** Of what the adapter adds. */
  #scale = 1;
  /** Rows in memory at a time. */
  readonly nRow: number;
  readonly #kernels: TrainingKernels;
  /** Place in the head of each token that the loss compares; null where it has all. */
  readonly #headPlaces: ReadonlyMap<number, number> | null;

  private constructor(started: StartedCrew<AdapterProgramConfig>) {
    super(started);
    this.#kernels = started.kernels;
    this.#config = started.config.adapter;
    this.nRow = this.#config.nRow;
    const { headIds } = this.#config;
    this.#headPlaces = headIds ? new Map(Array.from(headIds, (id, place) => [id, place])) : null;
  }

  /** Tokens that the loss compares. */
  get nHead(): number {
    return this.#headPlaces?.size ?? this.program.plan.base.config.nVocab;
  }

  /** Bytes of the memory that all threads share. */
  get nByte(): number {
    return this.program.nByte;
  }

  /**
   * @param source of the base, whose manifest the configuration has
   * @param seed of the first weights
   * @throws {EngineError} E_MODEL_KIND, E_USAGE; E_WEIGHTS_HASH, E_WEIGHTS_FETCH
   */
  static async start(
    config: AdapterProgramConfig,
    source: ModelSource<DecoderManifest>,
    seed: number,
  ): Promise<AdapterTraining> {
    const training = new AdapterTraining(await startCrew(config));
    const { alpha, rank, nPrefix = 0 } = config.adapter;
    training.#scale = alpha / rank;
    await training.#load(source);
    training.#turnFrom(nPrefix);
    const { weights } = training.program.plan.graph;
    const isOfEyes = ({ name }: { readonly name: string }): boolean => name.startsWith(EYES_PREFIX);
    const first = [
      ...initAdapter(
        weights.filter((weight) => !isOfEyes(weight)),
        seed,
      ),
      ...initEyes(weights.filter(isOfEyes), seed, USUAL_GAIN),
    ];
    for (const { tensor, values } of first) training.write(tensor, values);
    return training;
  }

  /** Sets the position of every sequence's first row. */
  #turnFrom(first: number): void {
    const { base, ropeTable } = this.program.plan;
    const { headDim, ropeTheta, ropeScaling } = base.config;
    const { nPosition } = ropeTable;
    const nAll = first + nPosition;
    const { frequencies, magnitude } = ropeFrequencies(headDim, ropeTheta, ropeScaling, nAll);
    this.write(ropeTable, ropeValues(nPosition, frequencies, magnitude, first));
  }

  /**
   * Sets the prefix to what the base's cache holds of a text (arXiv 2506.06266).
   * @param tokens as many as it has positions
   * @throws {EngineError} E_INTERNAL for another number of tokens, or more than are in memory at a time
   */
  beginPrefix(tokens: Uint32Array): void {
    const { nPrefix = 0 } = this.#config;
    if (tokens.length !== nPrefix || nPrefix > this.nRow)
      throw new EngineError(
        'E_INTERNAL',
        `training: ${tokens.length} tokens for a prefix of ${nPrefix}, ${this.nRow} rows in memory`,
      );
    const none = new Uint32Array(0);
    this.#turnFrom(0);
    const starts = Uint32Array.of(0, nPrefix);
    const active = new Float32Array(nPrefix);
    const weights = new Float32Array(0);
    const shares = { ids: none, values: weights };
    const pass = { tokens, starts, active, picks: none, targets: none, weights, shares };
    this.#write(pass, false, 0);
    this.run('evaluate');
    for (const { keys, values, prefix } of this.program.plan.cache) {
      if (prefix === null) continue;
      this.write(prefix.keys, this.read({ ...keys, nRow: nPrefix }));
      this.write(prefix.values, this.read({ ...values, nRow: nPrefix }));
    }
    this.#turnFrom(nPrefix);
  }

  /** Rows of the stored embedding, [ids.length, nEmbd]. */
  embeddingOf(ids: readonly number[]): Float32Array {
    const { base } = this.program.plan;
    const { room } = this.program.rooms[0]!;
    const n = base.config.nEmbd;
    const out = new Float32Array(ids.length * n);
    for (const [i, id] of ids.entries()) {
      const { weight, firstRow } = sliceOf(base.embedding, id);
      unpackRow(this.#kernels, weight, id - firstRow, room);
      out.set(this.floats.subarray(room / 4, room / 4 + n), i * n);
    }
    return out;
  }

  /** Shards go through a memory of their own: hashes are not made of a shared one. */
  async #load(source: ModelSource<DecoderManifest>): Promise<void> {
    const { shardAddresses } = this.program.plan.base;
    for (const [i, { bytes }] of source.manifest.shards.entries()) {
      const memory = createMemory(bytes);
      const only = shardAddresses.map((_, j) => (i === j ? 0 : null));
      await loadShards(source, only, memory);
      const into = new Uint8Array(this.words.buffer, shardAddresses[i], bytes);
      into.set(new Uint8Array(memory.buffer, 0, bytes));
    }
  }

  clear(): void {
    this.run('clear');
  }

  /** Losses of the picks times their weights. @param withAdapter false for those of the base */
  evaluate(pass: Pass, withAdapter = true): Float32Array {
    this.#write(pass, withAdapter);
    this.run('evaluate');
    return this.#losses(pass);
  }

  /** The same, and slopes are added. */
  learn(pass: Pass): Float32Array {
    this.#write(pass, true);
    this.run('learn');
    return this.#losses(pass);
  }

  /** Slopes of the pass that was evaluated last, with other weights of its picks. */
  learnAgain(weights: Float32Array): void {
    this.floats.set(weights, this.program.plan.input.weights / 4);
    this.run('back');
  }

  /** One update from the slopes so far, divided by `weight`. @returns their length before clipping */
  step(rate: number, weight: number): number {
    return this.update(rate, weight);
  }

  /** @param nSeen positions of the prefix that are seen: one that is not learned belongs to the base */
  #write(
    pass: Pass,
    withAdapter: boolean,
    nSeen = withAdapter || this.#config.isPrefixFixed === true ? (this.#config.nPrefix ?? 0) : 0,
  ): void {
    const { tokens, starts, active, picks, targets, weights, shares = null } = pass;
    const { input } = this.program.plan;
    const scale = withAdapter ? this.#scale : 0;
    this.words.set(tokens, input.tokens / 4);
    this.words.set([tokens.length, picks.length, nSeen], input.layout / 4);
    this.words.set(starts, input.layout / 4 + LAYOUT_HEAD);
    const trunks = pass.trunks ?? starts.keys();
    this.words.set([...trunks].slice(0, starts.length - 1), input.layout / 4 + trunksAt(this.nRow));
    for (const [row, isActive] of active.entries())
      this.floats[input.gates / 4 + row] = isActive * scale;
    this.words.set(picks, input.picks / 4);
    this.words.set(this.#placesInHead(targets), input.ids / 4);
    this.floats.set(weights, input.weights / 4);
    if (input.vectors !== null) this.#writeVectors(input.vectors, pass.pictures ?? NO_VECTORS);
    if (input.shares === null) return;
    if (shares?.ids.length !== picks.length * input.shares.k)
      throw new EngineError('E_INTERNAL', 'training: a pass without what the teacher says of it');
    this.words.set(shares.ids, input.shares.ids / 4);
    this.floats.set(shares.values, input.shares.values / 4);
  }

  /** @throws {EngineError} E_INTERNAL for a token that the head does not have */
  #placesInHead(targets: Uint32Array): Uint32Array {
    const places = this.#headPlaces;
    if (places === null) return targets;
    return targets.map((id) => {
      const place = places.get(id);
      if (place !== undefined) return place;
      throw new EngineError('E_INTERNAL', `training: token ${id} is not among those of the head`);
    });
  }

  #writeVectors(to: VectorInput, { values, rows, places }: BatchVectors): void {
    this.words[to.count / 4] = rows.length;
    this.floats.set(values, to.values / 4);
    this.words.set(rows, to.rows / 4);
    this.words.set(places, to.places / 4);
  }

  #losses({ picks }: Pass): Float32Array {
    const at = this.program.plan.input.losses / 4;
    return this.floats.slice(at, at + picks.length);
  }
}
