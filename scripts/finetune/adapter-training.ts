/** A training of an adapter in memory: passes over whole sequences, and updates. Knows no files but the base's shards. */
import { createMemory } from '../../engine/kernels/wasm/module.ts';
import { loadShards } from '../../engine/model/memory/loader.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { ropeFrequencies } from '../../engine/ops/rope.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { initAdapter } from '../../engine/train/init.ts';
import { ropeValues } from '../../engine/train/ops/rope.ts';
import type { AdapterProgramConfig } from '../../engine/train/program.ts';
import { startCrew, type StartedCrew, Trainer } from '../train/trainer.ts';

/** Sequences that are in memory together, one after the other. */
export interface Pass {
  readonly tokens: Uint32Array;
  /** First row of every sequence, then the number of rows. */
  readonly starts: Uint32Array;
  /** Per row whether the adapter counts: 1 or 0. */
  readonly active: Float32Array;
  /** Rows whose next token is learned, in ascending order. */
  readonly picks: Uint32Array;
  /** Per pick its next token, and how much it counts. */
  readonly targets: Uint32Array;
  readonly weights: Float32Array;
}

export class AdapterTraining extends Trainer<AdapterProgramConfig> {
  /** Of what the adapter adds. */
  #scale = 1;
  /** Rows in memory at a time. */
  readonly nRow: number;

  private constructor(started: StartedCrew<AdapterProgramConfig>) {
    super(started);
    this.nRow = started.config.adapter.nRow;
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
    const { base, ropeTable, graph } = training.program.plan;
    const { alpha, rank } = config.adapter;
    training.#scale = alpha / rank;
    await training.#load(source);
    const { headDim, ropeTheta, ropeScaling } = base.config;
    const { nPosition } = ropeTable;
    const { frequencies, magnitude } = ropeFrequencies(headDim, ropeTheta, ropeScaling, nPosition);
    training.write(ropeTable, ropeValues(nPosition, frequencies, magnitude));
    for (const { tensor, values } of initAdapter(graph.weights, seed))
      training.write(tensor, values);
    return training;
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
    this.#write(pass, withAdapter ? this.#scale : 0);
    this.run('evaluate');
    return this.#losses(pass);
  }

  /** The same, and slopes are added. */
  learn(pass: Pass): Float32Array {
    this.#write(pass, this.#scale);
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

  #write({ tokens, starts, active, picks, targets, weights }: Pass, scale: number): void {
    const { input } = this.program.plan;
    this.words.set(tokens, input.tokens / 4);
    this.words.set([tokens.length, picks.length], input.layout / 4);
    this.words.set(starts, input.layout / 4 + 2);
    for (const [row, isActive] of active.entries())
      this.floats[input.gates / 4 + row] = isActive * scale;
    this.words.set(picks, input.picks / 4);
    this.words.set(targets, input.ids / 4);
    this.floats.set(weights, input.weights / 4);
  }

  #losses({ picks }: Pass): Float32Array {
    const at = this.program.plan.input.losses / 4;
    return this.floats.slice(at, at + picks.length);
  }
}
