/** `thimble run`: fetches a model, imports it, and asks it something or chats with it. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { MODEL_ID_PATTERN } from '../../engine/manifest/manifest.ts';
import { obtainDefaultModel } from '../dev/default-model.ts';
import { namesSource, obtainSource } from '../dev/obtain-source.ts';
import { ensureModel, findImported } from '../dev/prepare.ts';
import { noteEnd } from '../lib/end-note.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { readStdin } from '../lib/stdin.ts';
import { isEmbedded } from '../dev/embedded.ts';
import { CATALOGUE, DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { chatHere } from './chat.ts';
import { ChatSession } from './chat/session.ts';
import type { ChatFlags } from './chat/session.ts';
import { addChatOptions } from './options/chat-options.ts';

type RunFlags = Omit<ChatFlags, 'model'> & { readonly model?: string };

const EXAMPLES = `
Examples:
  thimble run                                          (chat with the default model)
  thimble run "Name three fruits."                     (ask it one thing)
  thimble run smollm2-135m-instruct "Name three fruits."
  thimble run smollm2-135m-instruct                    (chat with this one)
  thimble run < question.txt
  git diff | thimble run --system "Write a commit message for this change."
  thimble run hf:org/repo/model.Q4_0.gguf              (or a file: ./model.gguf)
`;

export function register(program: Command): void {
  const command = program
    .command('run [model] [prompt...]')
    .summary('chat with a model, or ask it one thing')
    .description(
      'Fetches and imports a model when it is missing, then answers PROMPT or what is piped in, or chats.',
    )
    .option('-m, --model <id>', `the model, instead of the first word (${DEFAULT_MODEL_ID})`);
  addChatOptions(command).addHelpText('after', EXAMPLES).action(runModel);
}

async function runModel(
  first: string | undefined,
  rest: readonly string[],
  flags: RunFlags,
): Promise<void> {
  const words = first === undefined ? rest : [first, ...rest];
  const asked = await splitWords(words, flags.model);
  const model = await obtainAsked(asked.model);
  const chatFlags: ChatFlags = { ...flags, model };
  const prompt = asked.prompt ?? (process.stdin.isTTY ? null : await readStdin());
  if (prompt === null) await chatHere(chatFlags);
  else await answerOnce(prompt, chatFlags);
}

interface Asked {
  /** Null for the default one. */
  readonly model: string | null;
  /** Null when none was given as words. */
  readonly prompt: string | null;
}

/**
 * The model and the prompt among the words of a command line. A first word that is no model begins the prompt, unless
 * it looks like the id of one.
 * @throws {EngineError} E_MODEL_NOT_FOUND
 */
export async function splitWords(
  words: readonly string[],
  model: string | undefined,
): Promise<Asked> {
  const promptOf = (parts: readonly string[]) => (parts.length === 0 ? null : parts.join(' '));
  if (model !== undefined) return { model, prompt: promptOf(words) };
  const [first, ...rest] = words;
  if (first === undefined) return { model: null, prompt: null };
  if (namesSource(first) || (await isModel(first))) return { model: first, prompt: promptOf(rest) };
  if (!MODEL_ID_PATTERN.test(first)) return { model: null, prompt: promptOf(words) };
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `run: no model ${first} is here or in the catalogue. Names: \`thimble ls\`, \`thimble pull --list\`; to ask the default model: \`thimble run -m ${DEFAULT_MODEL_ID} "${words.join(' ').slice(0, 100)}"\``,
    { details: { model: first } },
  );
}

async function isModel(word: string): Promise<boolean> {
  if (isEmbedded(word) || CATALOGUE.some(({ id }) => id === word)) return true;
  return MODEL_ID_PATTERN.test(word) && (await findImported(word)) !== null;
}

/** The id of the model that is asked for. Nothing is said of a model that is here. */
async function obtainAsked(model: string | null): Promise<string> {
  if (model !== null) return namesSource(model) ? await obtainSource(model) : model;
  if ((await findImported(DEFAULT_MODEL_ID)) !== null) return DEFAULT_MODEL_ID;
  return (await obtainDefaultModel('Taking')).id;
}

async function answerOnce(prompt: string, flags: ChatFlags): Promise<void> {
  if (prompt.trim() === '')
    throw new EngineError(
      'E_USAGE',
      'run: the prompt is empty. Give it as words or on standard input.',
    );
  await ensureModel(flags.model);
  const session = await ChatSession.open(flags);
  const { reason, draft } = await session.answer(prompt, interruptSignal, (part) =>
    process.stdout.write(part),
  );
  process.stdout.write('\n');
  noteEnd(reason);
  if (draft !== null) process.stderr.write(`${draft}\n`);
}
