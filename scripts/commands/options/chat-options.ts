/** Options of a conversation in this process. */
import type { Command } from 'commander';
import { parseCount, parseMemory } from '../../lib/arguments.ts';
import { addSettings } from '../chat/session.ts';

/** All but the model, which each command takes in its own way. */
export function addChatOptions(command: Command): Command {
  command
    .option('--system <text>', 'a system message')
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
  return addSettings(command);
}
