import { CommanderError } from 'commander';
import { EngineError } from '../../../../engine/base/errors.ts';
import type { SlashCommand } from './command.ts';

export const set: SlashCommand = {
  usage: '[NAME VALUE]',
  about: 'change an option of the answers (temperature 0.8); without a name, list them',
  run({ session, say }, argument) {
    const [name, ...values] = argument.split(/\s+/).filter((word) => word !== '');
    if (name === undefined) {
      const rows = Object.entries(session.settings).map(
        ([key, value]) => `${key} ${String(value)}`,
      );
      say(rows.length === 0 ? 'all as by default' : rows.join('\n'));
      return;
    }
    const option = `--${name.replace(/^-+/, '').replaceAll('_', '-')}`;
    try {
      session.set([option, ...values]);
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      const reason = error.message.replace(/^error: /, '').replace(/\.$/, '');
      throw new EngineError(
        'E_USAGE',
        `/set ${name}: ${reason}. The options are those of \`thimble chat --help\``,
      );
    }
  },
};
