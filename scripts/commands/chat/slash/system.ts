import type { SlashCommand } from './command.ts';

export const system: SlashCommand = {
  usage: '[TEXT]',
  about: 'set the system message; "" removes it, no text shows it',
  run({ session, say }, text) {
    if (text === '') say(session.system ?? 'no system message');
    else session.setSystem(/^(""|'')$/.test(text) ? null : text);
  },
};
