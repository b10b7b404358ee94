import type { SlashCommand } from './command.ts';

export const clear: SlashCommand = {
  about: 'forget the conversation; the system message stays',
  run: ({ session }) => session.clear(),
};
