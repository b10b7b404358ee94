/** `thimble generate`: continues a text in this process, without a server. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { tokenVocabulary } from '../../engine/text/token-vocabulary.ts';
import { ensureModel } from '../dev/prepare.ts';
import { parseCount } from '../lib/arguments.ts';
import { noteEnd } from '../lib/end-note.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { addConstraintOptions, readConstraint } from './options/constraint-options.ts';
import type { ConstraintFlags } from './options/constraint-options.ts';
import { encodeChat } from '../node-host/chat-prompt.ts';
import { draftLine, generateText, loadModelWithDraft } from '../node-host/engine.ts';
import type { LocalModel } from '../node-host/engine.ts';
import { addMemoryOptions } from './options/memory-options.ts';
import type { MemoryFlags } from './options/memory-options.ts';
import { addSamplingOptions, readSampling } from './options/sampling-options.ts';
import type { SamplingFlags } from './options/sampling-options.ts';
import { readStdin } from '../lib/stdin.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';

interface GenerateFlags extends SamplingFlags, ConstraintFlags, MemoryFlags {
  readonly model: string;
  readonly prompt?: string;
  readonly chat?: boolean;
  readonly maxTokens: number;
  readonly tokensJson?: boolean;
}

const EXAMPLES = `
Examples:
  thimble generate -m stories260k -p "Once upon a time" --greedy
  thimble generate --chat -p "Name three fruits." --max-tokens 60
  echo "The capital of France is" | thimble generate -m smollm2-135m-instruct --greedy
  thimble generate -m smollm2-135m-instruct --chat -p "Describe a cat." --json-schema cat.json
  thimble generate -m smollm2-135m-instruct --chat -p "Is ice cold?" --regex "yes|no"
  thimble generate -m my-model -p "Hello" --memory 128MB   (does it fit one isolate?)
  thimble generate -m large --draft small -p "Once upon a time"
  thimble generate -m stories260k -p "Lily" --greedy --tokens-json | jq .tokens
`;

export function register(program: Command): void {
  const command = program
    .command('generate')
    .summary('continue a text in this process')
    .description('Continues a text with an imported model, in this process and without a server.')
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', DEFAULT_MODEL_ID)
    .option('-p, --prompt <text>', 'the text to continue (default: standard input)')
    .option('--chat', "put the prompt into the model's chat template, as a user's message")
    .option('--max-tokens <n>', 'maximum tokens to generate', parseCount(0), 200);
  addMemoryOptions(command).option(
    '--tokens-json',
    'print one JSON object with the token ids instead of the text',
  );
  addConstraintOptions(addSamplingOptions(command))
    .addHelpText('after', EXAMPLES)
    .action(runGenerate);
}

async function runGenerate(flags: GenerateFlags): Promise<void> {
  const prompt = flags.prompt ?? (await readStdin());
  for (const id of [flags.model, flags.draft]) if (id !== undefined) await ensureModel(id);
  const model = await loadModelWithDraft(flags.model, flags.draft, {
    memoryBudgetBytes: flags.memory === 'none' ? null : flags.memory,
    ...(flags.ctx === undefined ? {} : { nCtx: flags.ctx }),
  });
  const promptTokens =
    flags.chat === true ? encodeChat(model, prompt) : encodePrompt(model, prompt);
  const sampling = readSampling(flags, model.tokenizer);
  const constraint = await readConstraint(flags);
  if (constraint !== null)
    model.engine.setVocabulary(tokenVocabulary(model.tokenizer, model.engine.config.nVocab));
  const request = {
    prompt: tokenPrompt(promptTokens),
    maxTokens: flags.maxTokens,
    sampling,
    stopTokens: model.manifest.tokenizer.eosIds,
    topLogprobs: null,
    promptLogprobs: false,
    ...(constraint === null ? {} : { constraint }),
  };
  const asJson = flags.tokensJson === true;
  const onText = (text: string) => {
    if (!asJson) process.stdout.write(text);
  };
  // Constrained output is printed without the prompt, so that other programs can read it.
  const isAlone = asJson || flags.chat === true || constraint !== null;
  if (!isAlone) process.stdout.write(prompt);
  const result = await generateText(model, request, flags.stop ?? [], interruptSignal, onText);
  if (!asJson) {
    process.stdout.write('\n');
    noteEnd(result.reason);
    if (flags.draft !== undefined) process.stderr.write(`${draftLine(result.usage)}\n`);
    return;
  }
  const { tokens, text, reason, usage } = result;
  const facts = {
    model: flags.model,
    promptTokens,
    tokens,
    text,
    finishReason: reason,
    sampling,
    usage,
  };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

function encodePrompt({ tokenizer }: LocalModel, prompt: string): number[] {
  const tokens = tokenizer.encode(prompt, { special: false, bos: true });
  if (tokens.length > 0) return tokens;
  throw new EngineError(
    'E_USAGE',
    'generate: the prompt is empty and this model has no token that begins a text. Give a text with -p.',
  );
}
