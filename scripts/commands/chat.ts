/** `thimble chat`: a conversation in the terminal, in this process; a pipe works as well. */
import process from 'node:process';
import type { Command } from 'commander';
import { noteEnd } from '../lib/end-note.ts';
import { interruptSignal, setInterruptOutcome } from '../lib/interrupt.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { historyPath } from './chat/history.ts';
import { ChatSession } from './chat/session.ts';
import type { ChatFlags } from './chat/session.ts';
import { slashHelp } from './chat/slash/index.ts';
import { runChatTerminal } from './chat/terminal.ts';
import { addChatOptions } from './options/chat-options.ts';

const EXAMPLES = `
Examples:
  thimble chat
  thimble chat -m smollm2-135m-instruct --system "Answer in one sentence." --greedy
  thimble chat -m my-model --memory 2GB --ctx 8192
  printf 'Hello!\\nWhat did I say?\\n' | thimble chat -m smollm2-135m-instruct

In the chat:
${slashHelp()}
  Ctrl-C ends an answer; at an empty prompt, twice, the chat. The arrow keys find earlier lines.
`;

export function register(program: Command): void {
  const command = program
    .command('chat')
    .summary('chat with a model in the terminal')
    .description('Chats with a model; each line is one message.')
    .option('-m, --model <id>', 'a text model; one of the catalogue is pulled', DEFAULT_MODEL_ID);
  addChatOptions(command).addHelpText('after', EXAMPLES).action(chatHere);
}

/** A chat over this process's own streams. */
export async function chatHere(flags: ChatFlags): Promise<void> {
  const session = await ChatSession.open(flags);
  setInterruptOutcome(0, null);
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  await runChatTerminal(session, {
    ...{ input: process.stdin, output: process.stdout, errors: process.stderr },
    ...{ isTerminal, signal: interruptSignal, noteEnd },
    historyPath: isTerminal ? historyPath() : null,
  });
}
