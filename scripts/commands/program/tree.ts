/** A program's commands and options as plain rows, for what is made of them. */
import type { Command } from 'commander';

export interface OptionRow {
  /** `-m` and `--model`. */
  readonly flags: readonly string[];
  readonly about: string;
  /** Whether a value follows it. */
  readonly takesValue: boolean;
  /** Whether the value is the id of a model. */
  readonly takesModel: boolean;
  readonly choices: readonly string[];
}

export interface CommandRow {
  /** Words after `thimble`: `keys create`. */
  readonly path: readonly string[];
  readonly about: string;
  readonly options: readonly OptionRow[];
  readonly subcommands: readonly string[];
  /** Whether its argument is the id of a model. */
  readonly takesModel: boolean;
  readonly choices: readonly string[];
}

/** Options whose value is a model's id. */
const MODEL_FLAGS: ReadonlySet<string> = new Set(['--model', '--also', '--draft']);
/** Arguments that are. */
const MODEL_ARGUMENTS: ReadonlySet<string> = new Set(['id', 'model']);

/** Every command with those below it, the program itself first. */
export function commandTree(program: Command): CommandRow[] {
  return rowsOf(program, []);
}

function rowsOf(command: Command, path: readonly string[]): CommandRow[] {
  const { options, subcommands } = visible(command);
  const row: CommandRow = {
    path,
    about: command.summary() || command.description(),
    options,
    subcommands: subcommands.map((sub) => sub.name()),
    takesModel: command.registeredArguments.some((argument) =>
      MODEL_ARGUMENTS.has(argument.name()),
    ),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  return [row, ...subcommands.flatMap((sub) => rowsOf(sub, [...path, sub.name()]))];
}

/** As the help shows them: with --help, without what is hidden. */
function visible(command: Command): {
  readonly options: readonly OptionRow[];
  readonly subcommands: readonly Command[];
} {
  const help = command.createHelp();
  return {
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag != null),
      about: option.description,
      takesValue: option.required || option.optional,
      takesModel: MODEL_FLAGS.has(option.long ?? ''),
      choices: option.argChoices ?? [],
    })),
    subcommands: help.visibleCommands(command).filter((sub) => sub.name() !== 'help'),
  };
}
