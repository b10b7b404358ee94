/** `thimble chat`: a conversation in the terminal, in this process; a pipe works as well. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { EngineError, errorToRecord } from '../../engine/base/errors.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import type { ChatMessage } from '../../engine/text/chat-template.ts';
import { parseCount, parseMemory } from '../lib/arguments.ts';
import { interruptSignal, setInterruptOutcome } from '../lib/interrupt.ts';
import { draftLine, generateText, loadModelWithDraft } from '../node-host/engine.ts';
import type { LocalModel } from '../node-host/engine.ts';
import { addSamplingOptions, CHAT_SAMPLING, readSampling } from './options/sampling-options.ts';
import type { SamplingFlags } from './options/sampling-options.ts';

interface ChatFlags extends SamplingFlags {
  readonly model: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly ctx?: number;
  readonly memory: number | 'none';
  readonly draft?: string;
}

const EXAMPLES = `
Examples:
  thimble chat -m smollm2-135m-instruct
  thimble chat -m smollm2-135m-instruct --system "Answer in one sentence." --greedy
  thimble chat -m my-model --memory 2GB --ctx 8192
  printf 'Hello!\\nWhat did I say?\\n' | thimble chat -m smollm2-135m-instruct

In the chat:
  /clear   forget the conversation
  /exit    end (so do Ctrl-D and Ctrl-C)
`;

export function register(program: Command): void {
  const command = program
    .command('chat')
    .summary('chat with a model in the terminal')
    .description('Chats with an imported model; each line is one message.')
    .option('-m, --model <id>', 'an imported model', DEFAULT_MODEL_ID)
    .option('--system <text>', 'a system message')
    .option(
      '--max-tokens <n>',
      'maximum tokens of one answer (default: as many as fit)',
      parseCount(1),
    )
    .option('--ctx <tokens>', 'context length to reserve memory for', parseCount(1))
    .option(
      '--memory <size>',
      'refuse what takes more memory, such as 128MB of an isolate; by default only the machine limits it',
      parseMemory,
      'none',
    )
    .option(
      '--draft <id>',
      'a smaller model of the same tokenizer that guesses ahead; the text is the same',
    );
  addSamplingOptions(command).addHelpText('after', EXAMPLES).action(runChat);
}

async function runChat(flags: ChatFlags): Promise<void> {
  const model = await loadModelWithDraft(flags.model, flags.draft, {
    memoryBudgetBytes: flags.memory === 'none' ? null : flags.memory,
    ...(flags.ctx === undefined ? {} : { nCtx: flags.ctx }),
  });
  const template = new ChatTemplate(model.manifest.chatTemplate);
  const start: ChatMessage[] =
    flags.system === undefined ? [] : [{ role: 'system', content: flags.system }];
  let messages = [...start];
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  if (interactive) process.stdout.write(`${flags.model}; /clear forgets, /exit ends\n`);
  setInterruptOutcome(0, null);
  const lines = createInterface({ input: process.stdin, prompt: '> ', terminal: false });
  const ask = () => interactive && process.stdout.write('> ');
  ask();
  for await (const line of lines) {
    const text = line.trim();
    if (text === '/exit') break;
    if (text === '/clear') messages = [...start];
    else if (text !== '') messages = await answer(model, template, messages, text, flags);
    ask();
  }
  lines.close();
}

/** One turn; a turn that fails is reported and not kept, and the conversation goes on. */
async function answer(
  model: LocalModel,
  template: ChatTemplate,
  history: readonly ChatMessage[],
  content: string,
  flags: ChatFlags,
): Promise<ChatMessage[]> {
  const messages: ChatMessage[] = [...history, { role: 'user', content }];
  const { tokenizer, engine, manifest } = model;
  const { bosId, eosIds } = manifest.tokenizer;
  try {
    const { text, sentinel } = template.render(messages, {
      bosToken: tokenizer.literalOf(bosId),
      eosToken: tokenizer.literalOf(eosIds[0]),
      specialLiterals: tokenizer.specialLiterals,
    });
    const promptTokens = tokenizer.encodeTemplate(text, sentinel);
    const room = engine.nCtx - promptTokens.length;
    if (room < 1) {
      throw new EngineError(
        'E_PROMPT_TOO_LONG',
        `chat: the conversation has ${promptTokens.length} tokens and the context ${engine.nCtx}. /clear forgets it; --ctx makes more room.`,
      );
    }
    const request = {
      prompt: tokenPrompt(promptTokens),
      maxTokens: Math.min(flags.maxTokens ?? room, room),
      sampling: readSampling(flags, tokenizer, CHAT_SAMPLING),
      stopTokens: eosIds,
      topLogprobs: null,
      promptLogprobs: false,
    };
    const result = await generateText(model, request, flags.stop ?? [], interruptSignal, (part) =>
      process.stdout.write(part),
    );
    process.stdout.write('\n');
    if (flags.draft !== undefined) process.stderr.write(`${draftLine(result.usage)}\n`);
    return [...messages, { role: 'assistant', content: result.text }];
  } catch (error) {
    if (interruptSignal.aborted) throw error;
    process.stderr.write(`error: ${errorToRecord(error).message}\n`);
    return [...history];
  }
}
