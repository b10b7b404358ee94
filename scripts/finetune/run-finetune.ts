/** A fine-tuning from its configuration to an adapter's folder: steps, held-out losses, checkpoints, samples, a report. */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { rateAt } from '../../engine/train/schedule.ts';
import { modelsDir } from '../lib/paths.ts';
import { makeFolder, readCheckpoint, writeCheckpoint, writeWhole } from '../train/checkpoint.ts';
import type { AdapterTraining } from './adapter-training.ts';
import { DEFAULT_RATES, type FinetuneConfig, PREFIX_RATE_FACTOR } from './config.ts';
import { type Dataset, examplesOf } from './dataset.ts';
import type { Example } from './encode.ts';
import { passFlops } from './flops.ts';
import { type Objective, objectiveOf, type ObjectiveOptions } from './objectives.ts';
import { packPasses } from './pack.ts';
import type { PictureSet } from './pictures/dataset.ts';
import { beginFromWords, learnWords } from './pictures/words.ts';
import { picturesBeforeAfter } from './pictures/samples.ts';
import { learnedEyes, writeEyes } from './pictures/write-eyes.ts';
import {
  type OpenBase,
  openBase,
  type PreparedData,
  prepareData,
  startTraining,
} from './prepare.ts';
import { adapterCard, finetuneReport } from './report.ts';
import type { FinetuneResult, FinetuneStep } from './result.ts';
import { asEngineAdapter, asEnginePrefix, type BeforeAfter, writeBeforeAfter } from './samples.ts';
import { writePeft } from './write-peft.ts';
import { writePrefix } from './write-prefix.ts';

const WARMUP_PART = 0.05;
/** Evaluations of what was held out, on the way. */
const N_EVALUATION = 10;
/** A cut that asks nobody costs at most this many seconds of learning, or these steps. */
const SAVE_SECONDS = 30;
const SAVE_STEPS = 25;
const N_SAMPLE = 3;

export interface FinetuneOptions {
  /** Where the adapter, its checkpoint and its report go. */
  readonly folder: string;
  readonly nThread: number;
  readonly signal: AbortSignal;
  /** Ends after these minutes, with the adapter as it is then; null for all steps. */
  readonly minutes: number | null;
  /** Whether an adapter's weights are written in 16 bits; in 32 by default. */
  readonly inHalves?: boolean;
  /** Epochs, the last ones, after which the adapter is kept as it was then, in `epoch-N`; 0 by default. */
  readonly nKeptEpoch?: number;
  readonly modelsRoot?: string;
  readonly onData: (
    data: Dataset,
    plan: { readonly nByte: number; readonly nStep: number },
  ) => void;
  readonly onStep: (step: FinetuneStep) => void;
  /** Told after each passage of a document about which questions were made. */
  readonly onPassage: (nDone: number, nPassage: number) => void;
  /** Told after each picture whose vectors were made. */
  readonly onPicture: (nDone: number, nPicture: number) => void;
}

/**
 * Interrupted, it ends with what was learned in a checkpoint, and `isWhole` false.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_USAGE for data, options or a checkpoint that do not fit and for
 *   a loss that is no number, E_DISK
 */
export async function runFinetune(
  config: FinetuneConfig,
  options: FinetuneOptions,
): Promise<FinetuneResult> {
  const { folder, signal, nThread, modelsRoot = modelsDir(), onPassage, onPicture } = options;
  const base = await openBase(config, modelsRoot);
  const data = await prepareData(config, base, {
    ...{ folder, signal, modelsRoot, onPassage, onPicture },
  });
  const training = await startTraining(config, base, data, nThread);
  const run = new FinetuneRun(config, options, base, data, training);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

/** Where an adapter is kept as it was after an epoch. */
export const epochFolder = (folder: string, epoch: number): string =>
  join(folder, `epoch-${epoch}`);

/** Epochs after which an adapter was kept there; of small data a step ends several, of which the last one is. */
async function epochsIn(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).map((name) => /^epoch-(\d+)$/.exec(name)?.[1]);
  return found
    .filter((epoch) => epoch !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

class FinetuneRun {
  readonly #config: FinetuneConfig;
  readonly #options: FinetuneOptions;
  readonly #base: OpenBase;
  readonly #data: PreparedData;
  readonly #training: AdapterTraining;
  readonly #objective: Objective;
  readonly #objectiveOptions: ObjectiveOptions;
  readonly #nStep: number;
  readonly #history: FinetuneStep[] = [];
  #heldOutBefore: number | null = null;
  #closed = false;

  constructor(
    config: FinetuneConfig,
    options: FinetuneOptions,
    base: OpenBase,
    data: PreparedData,
    training: AdapterTraining,
  ) {
    this.#config = config;
    this.#options = options;
    this.#base = base;
    this.#data = data;
    this.#training = training;
    this.#objectiveOptions = { beta: config.beta, reference: new Map() };
    const { epochs, steps, batch, teacher } = config;
    this.#objective = objectiveOf(data.form, teacher !== null);
    this.#nStep = steps ?? Math.ceil((data.train.length * (epochs ?? 1)) / batch);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#training.close();
  }

  async run(): Promise<FinetuneResult> {
    const training = this.#training;
    const { signal, minutes } = this.#options;
    const begin = performance.now();
    const nStep = this.#nStep;
    this.#options.onData(this.#data, { nByte: training.nByte, nStep });
    await makeFolder(this.#options.folder);
    if (!(await this.#resume())) {
      await this.#begin();
      await this.#save();
    }
    // Of an adapter that has not learned yet.
    if (training.nStep === 0) this.#heldOutBefore ??= await this.#evaluate();
    const firstStep = training.nStep;
    let saved = { step: training.nStep, at: performance.now() };
    const save = async (): Promise<void> => {
      await this.#save();
      saved = { step: training.nStep, at: performance.now() };
    };
    const isOver = (): boolean =>
      training.nStep >= nStep ||
      signal.aborted ||
      (minutes !== null && performance.now() - begin > minutes * 60_000);
    while (!isOver()) {
      const before = performance.now();
      // When it fails, the last checkpoint is kept: the weights since may be why.
      const made = await this.#step();
      if (made === null) break;
      const seconds = (performance.now() - before) / 1000;
      const isLast = isOver();
      const every = Math.max(1, Math.round(nStep / N_EVALUATION));
      const epoch = this.#endedEpoch();
      const isKept = epoch !== null && this.#nKeptEpoch > 0;
      const isMeasured = isLast || isKept || training.nStep % every === 0;
      const heldOutLoss = !signal.aborted && isMeasured ? await this.#evaluate() : null;
      if (isKept) await this.#keepEpoch(epoch);
      const sinceFirst = (performance.now() - begin) / 1000 / (training.nStep - firstStep);
      const told: FinetuneStep = {
        ...{ step: training.nStep, nStep, loss: made.loss, heldOutLoss, epoch, rate: made.rate },
        ...{ norm: made.norm, tokensPerSecond: made.nToken / seconds },
        ...{
          gflops: made.nFlop / seconds / 1e9,
          secondsLeft: sinceFirst * (nStep - training.nStep),
        },
      };
      this.#history.push(told);
      this.#options.onStep(told);
      const isDue =
        training.nStep - saved.step >= SAVE_STEPS ||
        performance.now() - saved.at > SAVE_SECONDS * 1000;
      if (isDue) await save();
    }
    if (saved.step !== training.nStep) await save();
    return await this.#finish((performance.now() - begin) / 1000);
  }

  get #nKeptEpoch(): number {
    return this.#options.nKeptEpoch ?? 0;
  }

  /** The epoch that the last step has ended; null where none has, and where steps are counted in place of epochs. */
  #endedEpoch(): number | null {
    const { epochs, steps, batch } = this.#config;
    if (steps !== null || epochs === null) return null;
    const nRow = this.#data.train.length;
    const epochAt = (step: number): number =>
      Math.floor(Math.min(step * batch, epochs * nRow) / nRow);
    const { nStep } = this.#training;
    return epochAt(nStep) > epochAt(nStep - 1) ? epochAt(nStep) : null;
  }

  /** Written again where a cut came before the checkpoint, and the same then. */
  async #keepEpoch(epoch: number): Promise<void> {
    const { folder, inHalves = false } = this.#options;
    const { invocation } = this.#data;
    const config = this.#config;
    const card = `As it was after epoch ${epoch}.\n`;
    const to = epochFolder(folder, epoch);
    if (config.prefix > 0) await writePrefix(to, this.#training, config, card);
    else await writePeft(to, this.#training, { ...config, inHalves }, invocation, card);
    for (const old of (await epochsIn(folder)).slice(0, -this.#nKeptEpoch))
      await rm(epochFolder(folder, old), { recursive: true, force: true });
  }

  async #writeEyes(set: PictureSet): Promise<void> {
    const eyes = await learnedEyes(this.#training, set, set.encoder);
    await writeEyes(this.#options.folder, eyes);
  }

  /** What it answers, before and after. Ends the training. */
  async #samples(): Promise<BeforeAfter[]> {
    const training = this.#training;
    const config = this.#config;
    const { set, invocation, heldOut, train } = this.#data;
    const { source, tokenizer } = this.#base;
    const adapter =
      config.prefix > 0 ? asEnginePrefix(training, config) : asEngineAdapter(training, config);
    await this.close();
    if (set !== null) {
      const { folder, signal, modelsRoot } = this.#options;
      return await picturesBeforeAfter(set, source.manifest, { folder, signal, modelsRoot });
    }
    const examples = (heldOut.length > 0 ? heldOut : train).slice(0, N_SAMPLE);
    return await writeBeforeAfter({ source, tokenizer, adapter, invocation, examples });
  }

  /** First weights that follow from the data. */
  async #begin(): Promise<void> {
    const { set } = this.#data;
    if (set === null) return;
    const detector = await learnWords(set, this.#config.seed);
    beginFromWords(this.#training, detector, this.#base.tokenizer);
  }

  /** One update; null when it was interrupted, and the weights are as before. */
  async #step() {
    const training = this.#training;
    const { seed, batch, epochs, steps, prefix } = this.#config;
    const { train, form } = this.#data;
    const nStep = this.#nStep;
    const order = {
      seed,
      batch,
      nStep,
      step: training.nStep,
      epochs: steps === null ? epochs : null,
    };
    const factor = prefix === 0 ? 1 : PREFIX_RATE_FACTOR;
    const rate = rateAt('cosine', training.nStep, {
      ...{ rate: this.#config.rate ?? DEFAULT_RATES[form] * factor, nStep },
      nWarmup: Math.max(1, Math.round(nStep * WARMUP_PART)),
    });
    const adapter = { ...this.#config, nHead: training.nHead };
    const shape = this.#base.source.manifest.config;
    training.clear();
    let [loss, weight, nToken, nFlop] = [0, 0, 0, 0];
    for await (const { sum, pass } of this.#passes(examplesOf(train, order), true)) {
      if (sum.badLine !== null) throw this.#noNumber(sum.badLine);
      loss += sum.loss;
      weight += sum.weight;
      nToken += pass.tokens.length;
      nFlop += passFlops(shape, adapter, pass);
      if (this.#options.signal.aborted) return null;
    }
    const norm = training.step(rate, weight);
    return { loss: loss / weight, norm, rate, nToken, nFlop };
  }

  async *#passes(examples: readonly Example[], learns: boolean) {
    const { run } = this.#objective;
    const { nRow } = this.#training;
    for (const pass of packPasses(examples, nRow, this.#data.set)) {
      yield { pass, sum: run(this.#training, pass, this.#objectiveOptions, learns) };
      // A signal is heard between passes.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Mean loss of what was held out; null without any, and when interrupted. */
  async #evaluate(): Promise<number | null> {
    const { heldOut } = this.#data;
    if (heldOut.length === 0) return null;
    let [loss, weight] = [0, 0];
    for await (const { sum } of this.#passes(heldOut, false)) {
      loss += sum.loss;
      weight += sum.weight;
      if (this.#options.signal.aborted) return null;
    }
    return loss / weight;
  }

  #noNumber(line: number): EngineError {
    const step = this.#training.nStep + 1;
    return new EngineError(
      'E_USAGE',
      `finetune: the loss of line ${line} of ${this.#config.data} is not a number in step ${step}. The last checkpoint is kept; lower --rate, or look at the row.`,
      { details: { step, line } },
    );
  }

  get #checkpoint(): string {
    return join(this.#options.folder, 'checkpoint.safetensors');
  }

  get #historyFile(): string {
    return join(this.#options.folder, 'history.json');
  }

  async #save(): Promise<void> {
    const told = { heldOutBefore: this.#heldOutBefore, steps: this.#history };
    await writeWhole(this.#historyFile, JSON.stringify(told));
    await writeCheckpoint(this.#checkpoint, this.#training, this.#fingerprint());
  }

  /** @returns whether there was a checkpoint */
  async #resume(): Promise<boolean> {
    if (!(await readCheckpoint(this.#checkpoint, this.#training, this.#fingerprint())))
      return false;
    const text = await readFile(this.#historyFile, 'utf8').catch(() => '{"steps":[]}');
    const { heldOutBefore = null, steps } = JSON.parse(text) as {
      readonly heldOutBefore?: number | null;
      readonly steps: readonly FinetuneStep[];
    };
    const { nStep } = this.#training;
    if (nStep > this.#nStep)
      throw new EngineError(
        'E_USAGE',
        `steps: ${this.#nStep}; ${this.#checkpoint} has learned ${nStep} already. Give as many or more, or another --out.`,
        { param: 'steps' },
      );
    this.#heldOutBefore = heldOutBefore;
    this.#history.push(...steps.filter(({ step }) => step <= this.#training.nStep));
    return true;
  }

  /** A digest of all that decides the weights after a number of steps, but for the rate that a longer training has there. */
  #fingerprint(): string {
    const {
      data: _file,
      licence: _licence,
      validation: _measured,
      steps: _end,
      document,
      pictures,
      ...rest
    } = this.#config;
    const { manifest } = this.#base.source;
    const hash = createHash('sha256').update(JSON.stringify(rest));
    // Of what questions are made of, what was made is known.
    hash.update(String(document !== null));
    if (pictures !== null)
      hash.update(JSON.stringify([pictures.encoder, pictures.grid, this.#data.sha256]));
    for (const { sha256 } of [...manifest.shards, manifest.tokenizer]) hash.update(sha256);
    for (const { texts } of this.#data.train)
      for (const { tokens, learned, activeFrom, weight, shares } of texts) {
        hash.update(tokens).update(learned).update(String(activeFrom));
        if (weight !== undefined) hash.update(String(weight));
        if (shares !== undefined) hash.update(shares.ids).update(shares.values);
      }
    return hash.digest('hex');
  }

  async #finish(seconds: number): Promise<FinetuneResult> {
    const training = this.#training;
    const { folder, signal } = this.#options;
    // Beside eyes in halves, as servers hold them, so that both together are small.
    const inHalves = this.#options.inHalves === true || this.#data.set !== null;
    const { source } = this.#base;
    const { invocation, train, nToken } = this.#data;
    const config = this.#config;
    const last = this.#history.at(-1);
    const lastHeld = this.#history.findLast((step) => step.heldOutLoss !== null);
    const result: FinetuneResult = {
      ...{ steps: training.nStep, nStep: this.#nStep, isWhole: training.nStep >= this.#nStep },
      ...{ nWeight: training.nWeight, nByte: training.nByte, loss: last?.loss ?? NaN },
      heldOutBefore: this.#heldOutBefore,
      heldOutLoss: lastHeld?.heldOutLoss ?? null,
      tokens: Math.round((nToken / train.length) * config.batch * training.nStep),
      ...{ seconds, folder, history: this.#history },
    };
    const { manifest } = source;
    const card = adapterCard(config, manifest, this.#data, result);
    if (config.prefix > 0) await writePrefix(folder, training, config, card);
    else await writePeft(folder, training, { ...config, inHalves }, invocation, card);
    if (this.#data.set !== null) await this.#writeEyes(this.#data.set);
    if (signal.aborted) return result;
    const samples = await this.#samples();
    const report = finetuneReport(config, manifest, this.#data, result, samples);
    await writeWhole(join(folder, 'report.html'), report);
    return result;
  }
}
