/** The commands of a chat, by the word after the slash. */
import { EngineError } from '../../../../engine/base/errors.ts';
import { clear } from './clear.ts';
import type { SlashCommand, SlashContext } from './command.ts';
import { exit } from './exit.ts';
import { load, save } from './files.ts';
import { model } from './model.ts';
import { set } from './set.ts';
import { system } from './system.ts';

const help: SlashCommand = {
  about: 'show these commands',
  run: ({ say }) => say(slashHelp()),
};

export const SLASH_COMMANDS: Readonly<Record<string, SlashCommand>> = {
  ...{ help, system, model, set, save, load, clear, exit },
};

/** As the help of the command line and /help show them. */
export function slashHelp(): string {
  const rows = Object.entries(SLASH_COMMANDS).map(
    ([name, { usage = '', about }]) => [`/${name} ${usage}`.trimEnd(), about] as const,
  );
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    ...rows.map(([left, about]) => `  ${left.padEnd(width)}  ${about}`),
    `  ${'"""'.padEnd(width)}  begin and end a message of several lines`,
  ].join('\n');
}

/** @throws {EngineError} E_USAGE for an unknown command, and what the command throws */
export async function runSlash(context: SlashContext, line: string): Promise<'end' | void> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*([^]*)$/.exec(line) ?? [];
  const command = Object.hasOwn(SLASH_COMMANDS, name) ? SLASH_COMMANDS[name] : undefined;
  if (command === undefined)
    throw new EngineError('E_USAGE', `/${name.slice(0, 40)}: no such command; /help lists them.`);
  return await command.run(context, argument.trim());
}
