/** Options of a text model that is loaded into this process. */
import type { Command } from 'commander';
import { parseCount, parseMemory } from '../../lib/arguments.ts';

export interface MemoryFlags {
  readonly ctx?: number;
  readonly memory: number | 'none';
  readonly draft?: string;
}

export function addMemoryOptions(command: Command): Command {
  return command
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
}
