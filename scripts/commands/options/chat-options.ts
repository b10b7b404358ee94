/** Options of a conversation in this process. */
import type { Command } from 'commander';
import { addSettings } from '../chat/session.ts';
import { addMemoryOptions } from './memory-options.ts';

/** All but the model, which each command takes in its own way. */
export function addChatOptions(command: Command): Command {
  command.option('--system <text>', 'a system message');
  return addSettings(addMemoryOptions(command));
}
