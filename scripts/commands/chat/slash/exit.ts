import type { SlashCommand } from './command.ts';

export const exit: SlashCommand = {
  about: 'end (so do Ctrl-D, and Ctrl-C twice)',
  run: () => 'end',
};
