/** `thimble eval`: how good an imported model is, in numbers. */
import process from 'node:process';
import type { Command } from 'commander';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { loadNativeModel } from '../eval/llama-cpp.ts';
import { compareEngines } from '../eval/parity.ts';
import { PARITY_TEXTS, parsePassages, readTextFile } from '../eval/passages.ts';
import { measurePerplexity } from '../eval/perplexity.ts';
import { parseCount } from '../lib/arguments.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import type { LocalModel } from '../node-host/engine.ts';
import { ProgressLine } from '../lib/progress.ts';
import { DEFAULT_MODEL_ID, SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { ensureModel } from '../dev/prepare.ts';
import { pullModel } from '../pull/pull.ts';
import { addAnswersCommand, ANSWERS_EXAMPLES } from './eval-answers.ts';
import { addBiasCommand, BIAS_EXAMPLES } from './eval-bias.ts';
import { addCaptionsCommand, CAPTIONS_EXAMPLES } from './eval-captions.ts';
import { addQuestionsCommand, QUESTIONS_EXAMPLES } from './eval-questions.ts';
import { addExtractionCommand, EXTRACTION_EXAMPLES } from './eval-extraction.ts';
import { addImagesCommand, IMAGES_EXAMPLES } from './eval-images.ts';
import { addPersonaCommand, PERSONA_EXAMPLES } from './eval-persona.ts';
import { addSpaceCommand, SPACE_EXAMPLES } from './eval-space.ts';
import { addPicturesCommand, PICTURES_EXAMPLES } from './eval-pictures.ts';
import { addPrefixCommand, PREFIX_EXAMPLES } from './eval-prefix.ts';
import { addRetrievalCommand, RETRIEVAL_EXAMPLES } from './eval-retrieval.ts';
import { addTranslationCommand, TRANSLATION_EXAMPLES } from './eval-translation.ts';
import { addWatermarkCommand, WATERMARK_EXAMPLES } from './eval-watermark.ts';

const PERPLEXITY_EXAMPLES = `
Examples:
  thimble eval perplexity -m smollm2-135m-instruct --file book.txt
  thimble eval perplexity -m stories260k --file stories.txt --window 256 --json
`;
const PARITY_EXAMPLES = `
Examples:
  thimble eval parity -m smollm2-135m-instruct
  thimble eval parity -m my-model --gguf my-model.gguf --json
`;

export function register(program: Command): void {
  const command = program
    .command('eval')
    .summary('measure the quality of a model')
    .description('Measures the quality of an imported model.')
    .addHelpText(
      'after',
      [
        ...[PERPLEXITY_EXAMPLES, PARITY_EXAMPLES, WATERMARK_EXAMPLES],
        ...[ANSWERS_EXAMPLES, RETRIEVAL_EXAMPLES, IMAGES_EXAMPLES, PREFIX_EXAMPLES],
        ...[TRANSLATION_EXAMPLES, EXTRACTION_EXAMPLES, PERSONA_EXAMPLES, CAPTIONS_EXAMPLES],
        ...[QUESTIONS_EXAMPLES, SPACE_EXAMPLES, PICTURES_EXAMPLES, BIAS_EXAMPLES],
      ]
        .map((text, i) => (i === 0 ? text : text.replace('\nExamples:\n', '')))
        .join(''),
    );
  command
    .command('perplexity')
    .description(
      'Perplexity of a text file: e to the mean negative log-probability of each next token.',
    )
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', DEFAULT_MODEL_ID)
    .requiredOption('--file <path>', 'a UTF-8 text file')
    .option(
      '--window <tokens>',
      'tokens of each window, evaluated from an empty context',
      parseCount(2),
      512,
    )
    .option('--max-tokens <n>', 'maximum tokens to evaluate', parseCount(2))
    .option('--json', 'print one JSON object')
    .addHelpText('after', PERPLEXITY_EXAMPLES)
    .action(runPerplexity);
  command
    .command('parity')
    .description(
      'Compares with llama.cpp on the file a model was imported from, teacher-forced: share of equal ' +
        'likeliest tokens, mean KL divergence, perplexity. Needs the development packages.',
    )
    .option('-m, --model <id...>', 'imported models', [SMALL_MODEL_ID])
    .option('--gguf <path>', "the models' GGUF file (default: the default model's, from the cache)")
    .option('--file <path>', 'JSON list of {text, special}', PARITY_TEXTS)
    .option('--json', 'print one JSON object')
    .addHelpText('after', PARITY_EXAMPLES)
    .action(runParity);
  addWatermarkCommand(command);
  addAnswersCommand(command);
  addRetrievalCommand(command);
  addImagesCommand(command);
  addPrefixCommand(command);
  addTranslationCommand(command);
  addExtractionCommand(command);
  addPersonaCommand(command);
  addCaptionsCommand(command);
  addQuestionsCommand(command);
  addSpaceCommand(command);
  addPicturesCommand(command);
  addBiasCommand(command);
}

interface PerplexityFlags {
  readonly model: string;
  readonly file: string;
  readonly window: number;
  readonly maxTokens?: number;
  readonly json?: boolean;
}

async function runPerplexity(flags: PerplexityFlags): Promise<void> {
  const text = await readTextFile(flags.file, 'eval', '--file');
  await ensureModel(flags.model);
  const { engine, tokenizer, manifest } = await loadLocalModel(flags.model, { nCtx: flags.window });
  const all = tokenizer.encode(text, { special: false });
  const tokens = all.slice(0, flags.maxTokens);
  const bosId = manifest.tokenizer.addBos ? manifest.tokenizer.bosId : null;
  const progress = new ProgressLine('evaluating: ');
  const result = await measurePerplexity(
    engine,
    tokens,
    Math.min(flags.window, engine.nCtx),
    bosId,
    (done) => progress.update({ done, total: tokens.length, unit: 'items' }),
  );
  progress.finish('done');
  const report = {
    model: flags.model,
    preset: manifest.preset,
    file: flags.file,
    window: flags.window,
    ...result,
  };
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    process.stdout.write(
      `perplexity ${result.perplexity.toFixed(3)} over ${result.nPredicted} tokens ` +
        `(${result.nWindows} windows of ${flags.window}; ${result.tokensPerSecond.toFixed(0)} tokens/s)\n`,
    );
  }
}

interface ParityFlags {
  readonly model: readonly string[];
  readonly gguf?: string;
  readonly file: string;
  readonly json?: boolean;
}

/** Models that were trained with a token before every text are far off without it. */
function withBos(
  { addBos, bosId }: DecoderManifest['tokenizer'],
  tokens: readonly number[],
): readonly number[] {
  return addBos && bosId !== null && tokens[0] !== bosId ? [bosId, ...tokens] : tokens;
}

async function runParity(flags: ParityFlags): Promise<void> {
  const passages = parsePassages(await readTextFile(flags.file, 'eval', '--file'), flags.file);
  const gguf = flags.gguf ?? (await pullModel(SMALL_MODEL_ID)).path;
  const models: LocalModel[] = [];
  for (const id of flags.model) models.push(await loadLocalModel(id));
  const reference = await loadNativeModel(gguf, 1);
  const texts = passages.map(({ text, special }) =>
    withBos(models[0]!.manifest.tokenizer, reference.tokenize(text, special)),
  );
  const progress = new ProgressLine('comparing: ');
  const reports = await compareEngines(
    models.map(({ engine }) => engine),
    reference,
    texts,
    (done) => progress.update({ done, total: texts.length, unit: 'items' }),
  );
  progress.finish('done');
  await reference.dispose();
  const rows = models.map(({ manifest }, i) => ({
    model: manifest.id,
    preset: manifest.preset,
    ...reports[i]!,
  }));
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ reference: 'llama.cpp', rows })}\n`);
    return;
  }
  for (const row of rows) {
    process.stdout.write(
      `${row.model} (${row.preset}): ${row.nTokens} tokens, same likeliest token ${percent(row.top1Agreement)}, ` +
        `mean KL ${row.meanKlNats.toFixed(4)} nats, perplexity ${row.perplexityOurs.toFixed(3)} against ` +
        `${row.perplexityReference.toFixed(3)} (${percent(row.perplexityChange)})\n`,
    );
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
