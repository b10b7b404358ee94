/** What is learned from a pass, a row each: how losses are made of those of tokens, and what slopes they give. */
import type { AdapterTraining } from './adapter-training.ts';
import type { PackedExample, PackedPass } from './pack.ts';
import type { DataForm } from './rows.ts';

/** Losses of a pass: their sum by weight, and the line whose loss is no number. */
export interface PassLoss {
  readonly loss: number;
  /** Tokens, or pairs. */
  readonly weight: number;
  readonly badLine: number | null;
}

export interface Objective {
  /** What the loss is a mean over. */
  readonly unit: string;
  readonly title: string;
  /** @param learns whether slopes are added to what is there */
  readonly run: (
    training: AdapterTraining,
    pass: PackedPass,
    options: ObjectiveOptions,
    learns: boolean,
  ) => PassLoss;
}

export interface ObjectiveOptions {
  /** How much the adapter is held to its base (arXiv 2305.18290). */
  readonly beta: number;
  /** Log-likelihoods of the base by example, which never change. */
  readonly reference: Map<PackedExample['example'], readonly number[]>;
}

/** Tokens that are learned, each as much as its text says. */
const TOKENS: Objective['run'] = (training, pass, _options, learns) => {
  const losses = learns ? training.learn(pass) : training.evaluate(pass);
  const bad = pass.entries.find(({ spans }) =>
    spans.some((span) => !isFinite(sumOf(losses, span))),
  );
  const sum = (values: Float32Array): number => sumOf(values, [0, values.length]);
  return { loss: sum(losses), weight: sum(pass.weights), badLine: bad?.example.line ?? null };
};

/**
 * Direct preference optimization (arXiv 2305.18290): -log sigmoid(beta (margin of the adapter - margin of the base)),
 * where a margin is how much likelier the chosen text is than the rejected one.
 */
const PAIRS: Objective['run'] = (training, pass, { beta, reference }, learns) => {
  if (pass.entries.some(({ example }) => !reference.has(example))) {
    const losses = training.evaluate(pass, false);
    for (const { example, spans } of pass.entries)
      reference.set(
        example,
        spans.map((span) => -sumOf(losses, span)),
      );
  }
  const losses = training.evaluate(pass);
  const weights = new Float32Array(losses.length);
  let loss = 0;
  let badLine: number | null = null;
  for (const { example, spans } of pass.entries) {
    const [chosen, rejected] = spans.map((span) => -sumOf(losses, span)) as [number, number];
    const [baseChosen, baseRejected] = reference.get(example) as readonly [number, number];
    const z = beta * (chosen - rejected - (baseChosen - baseRejected));
    // log(1 + e^-z) without overflow.
    const one = Math.max(0, -z) + Math.log1p(Math.exp(-Math.abs(z)));
    if (!Number.isFinite(one)) badLine ??= example.line;
    loss += one;
    const slope = beta / (1 + Math.exp(z));
    weights.fill(slope, ...spans[0]!);
    weights.fill(-slope, ...spans[1]!);
  }
  if (learns && badLine === null) training.learnAgain(weights);
  return { loss, weight: pass.entries.length, badLine };
};

/** Of every form of data: what is learned where no teacher is named. */
const BY_FORM: Readonly<Record<DataForm, Objective>> = {
  text: { unit: 'token', title: 'next token', run: TOKENS },
  completion: { unit: 'token', title: 'completions only', run: TOKENS },
  messages: { unit: 'token', title: 'answers of the assistant only', run: TOKENS },
  pictures: { unit: 'token', title: 'what is said of pictures', run: TOKENS },
  preference: { unit: 'pair', title: 'preferences (DPO)', run: PAIRS },
  document: { unit: 'token', title: 'what the base says with the text (KL)', run: TOKENS },
};
/** How far the model is from its teacher; losses of tokens are divergences then. */
const DISTILLATION: Objective = { unit: 'token', title: 'distillation (KL)', run: TOKENS };

/** @param isTaught whether a teacher says what is learned of each token */
export function objectiveOf(form: DataForm, isTaught: boolean): Objective {
  return isTaught ? DISTILLATION : BY_FORM[form];
}

function sumOf(losses: Float32Array, [from, to]: readonly [from: number, to: number]): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += losses[i]!;
  return sum;
}
