/** `thimble finetune`: an adapter or a prefix of an imported model, from examples or from a document. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { TARGETS, type Target } from '../../engine/train/adapter/base.ts';
import { MAX_RANK } from '../../engine/train/adapter/plan.ts';
import { build } from '../build/build.ts';
import { MAX_PREFIX_POSITIONS } from '../../engine/manifest/adapters.ts';
import {
  DOCUMENT_DEFAULTS,
  FINETUNE_DEFAULTS,
  type FinetuneConfig,
  PICTURES_DEFAULTS,
} from '../finetune/config.ts';
import {
  FEEDBACK_FORMS,
  feedbackRows,
  type FeedbackForm,
} from '../finetune/feedback/feedback-rows.ts';
import { readFeedback } from '../finetune/feedback/read-feedback.ts';
import { DEFAULT_IMAGE_ENCODER_ID } from '../pull/catalogue.ts';
import { describeFinetuneStep } from '../finetune/report.ts';
import { runFinetune } from '../finetune/run-finetune.ts';
import { parseCount, parseNames, parseNumber } from '../lib/arguments.ts';
import { interruptSignal, onInterrupt } from '../lib/interrupt.ts';
import { withTemporaryFolder } from '../lib/temporary-folder.ts';

const EXAMPLES = `
Examples:
  thimble finetune -m smollm2-135m-instruct --data support.jsonl
  thimble finetune -m smollm2-135m-instruct --data support.jsonl --rank 16 --epochs 5 --out support
  thimble finetune -m smollm2-135m-instruct --data support.jsonl --minutes 10   # the same command goes on
  thimble finetune -m smollm2-135m-instruct --data judge.jsonl --invocation "<|im_start|>assistant"
  thimble finetune -m smollm2-135m-instruct --document handbook.txt --prefix 256 --out handbook
  thimble finetune -m smollm2-135m-instruct --data support.jsonl --teacher smollm2-360m-instruct
  thimble finetune -m smollm2-135m-instruct --from-feedback   # answers rated up, of a server on this machine
  thimble finetune -m smollm2-135m-instruct --from-feedback preferences --url https://thimble.example.workers.dev
  thimble finetune -m smollm2-135m-instruct --images photos/ questions.jsonl --out eyes

Data, one JSON object a line, all of one form:
  {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
  {"prompt": "The capital of France is", "completion": " Paris."}
  {"text": "Everything in here is learned."}
  {"prompt": "Hi", "chosen": "Hello.", "rejected": "Go away."}

Pictures (--images), files beside the JSONL file that names them, or a folder with captions.jsonl, vqa.jsonl, questions.jsonl:
  {"image": "a.jpg", "captions": ["A dog on a beach."]}
  {"image": "a.jpg", "captions": ["A cat."], "questions": [{"question": "What color is it?", "answer": "black"}]}
  {"image": "a.jpg", "question": "What animal is it?", "answer": "a dog"}

Questions about a document, where the base's own are not enough; the quote is where the answer stands. An answer is learned
as it is written, in place of what the base would say:
  {"question": "Who keeps the light?", "quote": "the light is kept by Ada Moor", "answer": "Ada Moor"}
`;
const DEFAULT_URL = 'http://localhost:8787';
const MAX_MINUTES = 7 * 24 * 60;
const MAX_STEPS = 1_000_000;
const MAX_TOKENS = 8192;
/** Vectors a side: no last map of an encoder is larger. */
const MAX_GRID = 32;
/** Lines where no terminal rewrites one. */
const PLAIN_EVERY = 10;
const PLAIN_PICTURES = 500;

interface FinetuneFlags {
  readonly model: string;
  readonly data?: string;
  readonly fromFeedback?: FeedbackForm | true;
  readonly url: string;
  readonly all?: boolean;
  readonly document?: string;
  readonly images?: readonly string[];
  readonly encoder: string;
  readonly grid: number;
  readonly questions?: string;
  readonly questionsEach: number;
  readonly rest: boolean;
  readonly passageTokens: number;
  readonly prefix?: number;
  readonly teacher?: string;
  readonly out?: string;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Target[];
  readonly epochs?: number;
  readonly steps?: number;
  readonly minutes?: number;
  readonly rate?: number;
  readonly batch: number;
  readonly maxTokens: number;
  readonly heldOut: number;
  readonly validation?: string;
  readonly keepEpochs: number;
  readonly seed: number;
  readonly invocation?: string;
  readonly beta: number;
  readonly licence: string;
  readonly halves?: boolean;
  readonly threads: number;
  readonly json?: boolean;
  readonly jsonLines?: boolean;
}

export function register(program: Command): void {
  const d = FINETUNE_DEFAULTS;
  program
    .command('finetune')
    .summary('fine-tune an imported model on examples or a document')
    .description(
      'Learns a low-rank adapter (LoRA) of an imported model of the Llama family, or a prefix: keys and values that ' +
        'stand before every text. The weights stay as they are. What is learned is written as ' +
        "PEFT's folder. Checkpoints let the same command go on where it was cut off, to the same weights; with more --steps it goes " +
        'on at the rate that so many have there.',
    )
    .requiredOption('-m, --model <id>', 'an imported model')
    .option('--data <file>', 'examples, JSONL, see below')
    .addOption(
      new Option(
        '--from-feedback [form]',
        'rated answers of sessions of a server that allow it: answers, or preferences',
      )
        .choices(FEEDBACK_FORMS)
        .preset(FEEDBACK_FORMS[0]),
    )
    .option('--url <url>', 'of --from-feedback: address of the server', DEFAULT_URL)
    .option('--all', 'of --from-feedback: of all subjects; needs a key with the scope admin')
    .option('--document <file>', 'a text in place of examples: the base asks itself about it')
    .option('--images <files...>', 'pictures with texts: eyes are learned with the adapter')
    .option('--encoder <id>', 'image encoder that eyes see through', DEFAULT_IMAGE_ENCODER_ID)
    .option(
      '--grid <n>',
      'vectors a side of a picture: it takes n x n positions',
      parseCount(1),
      PICTURES_DEFAULTS.grid,
    )
    .option('--questions <file>', 'further questions about the document, JSONL, see below')
    .option(
      '--questions-each <n>',
      'questions that the base asks about each passage',
      parseCount(0),
      DOCUMENT_DEFAULTS.nQuestion,
    )
    .option('--no-rest', 'leave out that it learns to go on with the passages')
    .option(
      '--passage-tokens <n>',
      'tokens of a passage of the document',
      parseCount(32),
      DOCUMENT_DEFAULTS.passageTokens,
    )
    .option(
      '--prefix <n>',
      `learn a prefix of n positions in place of an adapter (with --document: ${DOCUMENT_DEFAULTS.prefix})`,
      parseCount(0),
    )
    .option('--teacher <id>', 'an imported model that says what is learned of each token')
    .option('--out <folder>', 'for the adapter, its checkpoint and report (default: adapters/ID)')
    .option('--rank <n>', 'width of the adapter', parseCount(1), d.rank)
    .option('--alpha <n>', 'what it adds counts alpha / rank times', parseNumber(0, 1e4), d.alpha)
    .option(
      '--targets <names>',
      `projections that it changes: ${TARGETS.join(',')}`,
      parseNames(TARGETS),
      [...TARGETS],
    )
    .option('--epochs <n>', `how often every row is seen (default: ${d.epochs})`, parseCount(1))
    .option('--steps <n>', 'number of updates, in place of --epochs', parseCount(1))
    .option('--minutes <n>', 'end after this time', parseNumber(0, MAX_MINUTES))
    .option('--rate <n>', 'rate of learning (default: by the form of the data)', parseNumber(0, 1))
    .option('--batch <n>', 'rows of an update', parseCount(1), d.batch)
    .option('--max-tokens <n>', 'tokens of a row, cut after them', parseCount(2), d.maxTokens)
    .option('--held-out <share>', 'share of the rows to measure on', parseNumber(0, 0.9), d.heldOut)
    .option('--validation <file>', 'rows to measure on, in place of a share; JSONL, as --data')
    .option(
      '--keep-epochs <n>',
      'keep it as it was after each of the last n epochs',
      parseCount(0),
      0,
    )
    .option('--seed <n>', 'decides first weights and order', parseCount(0), d.seed)
    .option('--invocation <text>', 'the adapter counts only from this text of a prompt on (aLoRA)')
    .option('--beta <n>', 'of preferences: how much the base holds', parseNumber(0, 100), d.beta)
    .option('--licence <name>', 'of the data, for the card', d.licence)
    .option('--halves', 'write the adapter in 16 bits, half as large')
    .option('--threads <n>', 'number of threads', parseCount(1), availableParallelism())
    .option('--json', 'print one JSON object at the end')
    .option('--json-lines', 'print a JSON object for each step, and one at the end')
    .addHelpText('after', EXAMPLES)
    .action(runCommand);
}

async function runCommand(flags: FinetuneFlags): Promise<void> {
  checkFlags(flags);
  const { fromFeedback: form, url, all: ofAll = false } = flags;
  if (form === undefined) return await learn(flags);
  const rows = feedbackRows(
    await readFeedback({ url, ofAll }),
    form === true ? FEEDBACK_FORMS[0] : form,
  );
  // What others have said is in a file of its own only as long as it takes.
  await withTemporaryFolder('feedback', async (folder) => {
    const data = join(folder, 'feedback.jsonl');
    await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await learn({ ...flags, data });
  });
}

async function learn(flags: FinetuneFlags): Promise<void> {
  const { model, minutes, threads } = flags;
  const folder = resolve(flags.out ?? join('adapters', model));
  await build();
  const err = process.stderr;
  const config: FinetuneConfig = {
    ...sourceOptions(flags),
    ...{ model, rank: flags.rank, alpha: flags.alpha, teacher: flags.teacher ?? null },
    ...{ targets: TARGETS.filter((target) => flags.targets.includes(target)) },
    epochs: flags.steps === undefined ? (flags.epochs ?? FINETUNE_DEFAULTS.epochs) : null,
    ...{ steps: flags.steps ?? null, rate: flags.rate ?? null, batch: flags.batch },
    ...{ maxTokens: flags.maxTokens, heldOut: flags.heldOut, seed: flags.seed },
    ...{ invocation: flags.invocation ?? null, beta: flags.beta, licence: flags.licence },
    maxNorm: FINETUNE_DEFAULTS.maxNorm,
    validation: flags.validation === undefined ? null : resolve(flags.validation),
  };
  const running = runFinetune(config, {
    ...{ folder, nThread: threads, signal: interruptSignal, minutes: minutes ?? null },
    ...{ inHalves: flags.halves === true, nKeptEpoch: flags.keepEpochs },
    onPassage: (nDone, nPassage) => {
      if (err.isTTY) err.write(`\rquestions of ${nDone} of ${nPassage} passages\x1b[K`);
      if (nDone === nPassage)
        err.write(`${err.isTTY ? '\r\x1b[K' : ''}study     ${nPassage} passages\n`);
    },
    onPicture: (nDone, nPicture) => {
      if (err.isTTY) err.write(`\rlooked at ${nDone} of ${nPicture} pictures\x1b[K`);
      else if (nDone % PLAIN_PICTURES === 0) err.write(`pictures  ${nDone} of ${nPicture}\n`);
      if (nDone === nPicture) err.write(`${err.isTTY ? '\r\x1b[K' : ''}pictures  ${nPicture}\n`);
    },
    onData: (data, { nByte, nStep }) => {
      err.write(
        `data      ${data.train.length} rows to learn from, ${data.heldOut.length} held out: ${data.nToken} tokens, ${data.nLearned} of them learned\n`,
      );
      if (data.nCut > 0)
        err.write(`cut       ${data.nCut} rows, to ${data.maxTokens} tokens (--max-tokens)\n`);
      if (data.nSkipped > 0)
        err.write(`left out  ${data.nSkipped} rows: nothing to learn within the tokens kept\n`);
      err.write(`plan      ${nStep} steps, ${Math.round(nByte / 1e6)} MB of memory\n`);
    },
    onStep: (step) => {
      if (flags.jsonLines === true) process.stdout.write(`${JSON.stringify({ step })}\n`);
      const isLast = step.step === step.nStep;
      const isLine = step.heldOutLoss !== null || step.step % PLAIN_EVERY === 0 || isLast;
      if (err.isTTY) err.write(`\r${describeFinetuneStep(step)}\x1b[K${isLine ? '\n' : ''}`);
      else if (isLine) err.write(`${describeFinetuneStep(step)}\n`);
    },
  });
  // What was learned is saved before the program ends.
  const takeBack = onInterrupt(async () => void (await running.catch(() => undefined)));
  const result = await running.finally(takeBack);
  const { history: _history, ...summary } = result;
  if (flags.json === true || flags.jsonLines === true) {
    const told = flags.jsonLines === true ? { result: summary } : summary;
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const rates = result.history.map(({ rate }) => rate);
  if (!result.isWhole && !interruptSignal.aborted && rates.at(-1) > Math.max(...rates) / 2)
    err.write(
      `hint      the rate falls over all ${result.nStep} steps and is high still: --steps ${result.steps} with another --out takes as long, and learns more\n`,
    );
  const held = (loss: number | null): string => loss?.toFixed(4) ?? 'unknown';
  process.stdout.write(
    `${result.steps} of ${result.nStep} steps, held-out loss ${held(result.heldOutBefore)} before, ${held(result.heldOutLoss)} after: ${folder}\n` +
      `report    ${join(folder, 'report.html')}\n` +
      `next      thimble adapter add ${model}:NAME ${folder}\n`,
  );
}

/** What is learned from, and what is learned of it. */
function sourceOptions({
  data,
  images,
  encoder,
  grid,
  document,
  questions,
  questionsEach: nQuestion,
  rest: hasRest,
  passageTokens,
  prefix,
}: FinetuneFlags): Pick<FinetuneConfig, 'data' | 'document' | 'pictures' | 'prefix'> {
  if (images !== undefined) {
    const files = images.map((path) => resolve(path));
    const pictures = { files, encoder, grid };
    return { data: files[0]!, document: null, pictures, prefix: 0 };
  }
  if (document === undefined)
    return { data: resolve(data!), document: null, pictures: null, prefix: prefix ?? 0 };
  const asked = questions === undefined ? null : resolve(questions);
  return {
    ...{ data: resolve(document), prefix: prefix ?? DOCUMENT_DEFAULTS.prefix },
    pictures: null,
    document: { questions: asked, nQuestion, hasRest, passageTokens },
  };
}

/** @throws {EngineError} E_USAGE for options that exclude each other or are too large */
function checkFlags(flags: FinetuneFlags): void {
  const { epochs, steps, rank, maxTokens, invocation, rate, prefix = 0 } = flags;
  const { data, document, questions, images, teacher, grid, fromFeedback, all, validation } = flags;
  const sources = [data, document, images, fromFeedback].filter((one) => one !== undefined);
  const faults: readonly (readonly [boolean, string])[] = [
    [
      validation !== undefined && (document ?? images) !== undefined,
      '--validation: expected rows of --data',
    ],
    [sources.length !== 1, 'expected one of --data, --document, --images and --from-feedback'],
    [all === true && fromFeedback === undefined, '--all: expected --from-feedback'],
    [
      images !== undefined && (prefix > 0 || teacher !== undefined || invocation !== undefined),
      '--images: expected no --prefix, --teacher or --invocation; eyes count from a picture on',
    ],
    [grid > MAX_GRID, `--grid: expected at most ${MAX_GRID}, got ${grid}`],
    [questions !== undefined && document === undefined, '--questions: expected a --document'],
    [
      prefix > MAX_PREFIX_POSITIONS,
      `--prefix: expected at most ${MAX_PREFIX_POSITIONS}, got ${prefix}`,
    ],
    [
      invocation !== undefined && (prefix > 0 || document !== undefined),
      '--invocation: expected rows of --data and no --prefix',
    ],
    [epochs !== undefined && steps !== undefined, '--epochs and --steps: expected one of them'],
    [rank > MAX_RANK, `--rank: expected 1 to ${MAX_RANK}, got ${rank}`],
    [(steps ?? 0) > MAX_STEPS, `--steps: expected at most ${MAX_STEPS}, got ${steps}`],
    [maxTokens > MAX_TOKENS, `--max-tokens: expected 2 to ${MAX_TOKENS}, got ${maxTokens}`],
    [invocation === '', '--invocation: expected a text that is not empty'],
    [rate === 0, '--rate: expected a number above 0'],
  ];
  const fault = faults.find(([isWrong]) => isWrong);
  if (fault !== undefined) throw new EngineError('E_USAGE', `finetune: ${fault[1]}. Correct it.`);
}
