/**
 * Completion scripts, made from the tree of commands, so that none is ever behind it. Models are asked for when the
 * key is pressed (`thimble ls --quiet`).
 */
import type { CommandRow, OptionRow } from './tree.ts';

/** A shell's script of a tree. */
export const SHELLS: Readonly<Record<string, (rows: readonly CommandRow[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const MODELS = 'thimble ls --quiet 2>/dev/null';

/** Within single quotes of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** One line without what zsh and fish give a meaning. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function wordsOf({ subcommands, options, choices }: CommandRow): string {
  return [...subcommands, ...choices, ...options.flatMap(({ flags }) => flags)].join(' ');
}

function withValue(
  rows: readonly CommandRow[],
  pick: (option: OptionRow) => boolean,
): readonly string[] {
  const options = rows.flatMap((row) => row.options).filter(pick);
  return [...new Set(options.flatMap(({ flags }) => flags))];
}

/** Words of each command in a table; a word that is a command below the one before it goes a level deeper. */
function bashScript(rows: readonly CommandRow[]): string {
  const words = rows.map(
    (row) => `    ${quote(row.path.join(' '))}) words=${quote(wordsOf(row))} ;;`,
  );
  const known = rows.slice(1).map(({ path }) => quote(path.join(' ')));
  const models = rows
    .filter(({ takesModel }) => takesModel)
    .map(({ path }) => quote(path.join(' ')));
  const modelFlags = withValue(rows, ({ takesModel }) => takesModel).join('|');
  const choices = rows.flatMap(({ path, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .flatMap(({ flags, choices: values }) =>
        flags.map(
          (flag) =>
            `    ${quote(`${path.join(' ')} ${flag}`)}) words=${quote(values.join(' '))} ;;`,
        ),
      ),
  );
  return `# thimble: completion for bash. Made by: thimble completion bash
_thimble_words() {
  case "$1" in
${words.join('\n')}
    *) words='' ;;
  esac
}
_thimble_values() {
  case "$1" in
${choices.join('\n')}
    *) words='' ;;
  esac
}
_thimble() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${known.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  _thimble_values "$path $before"
  if [ -z "$words" ]; then
    case "$before" in
      ${modelFlags}) words="$(${MODELS})" ;;
      *)
        _thimble_words "$path"
        case "$path" in
          ${models.join('|')}) words="$words $(${MODELS})" ;;
        esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _thimble thimble
`;
}

/** As zsh's \`_arguments\` has it; brackets and colons of a description are escaped. */
function zshScript(rows: readonly CommandRow[]): string {
  const functions = rows.map((row) => {
    const name = functionName(row.path);
    const specs = row.options.map((option) => `    ${zshOption(option)}`);
    const below = row.subcommands.map((sub) => {
      const about = rows.find(({ path }) => path.join(' ') === [...row.path, sub].join(' '))?.about;
      return `    ${quote(`${sub}:${oneLine(about ?? '')}`)}`;
    });
    const end =
      row.subcommands.length > 0
        ? [`    '1: :->command'`, `    '*:: :->rest'`]
        : [`    ${quote(`*: :${zshValue(row)}`)}`];
    const states =
      row.subcommands.length === 0
        ? []
        : [
            `  case "$state" in`,
            `    command) local -a commands; commands=(\n${below.join('\n')}\n    ); _describe command commands ;;`,
            `    rest) (( $+functions[${name}_\${words[1]//-/_}] )) && ${name}_\${words[1]//-/_} ;;`,
            `  esac`,
          ];
    return [
      `${name}() {`,
      `  local state line context`,
      `  _arguments -C \\`,
      `${[...specs, ...end].join(' \\\n')}`,
      ...states,
      '}',
    ].join('\n');
  });
  return `#compdef thimble
# thimble: completion for zsh. Made by: thimble completion zsh
__thimble_model_ids() { local -a models; models=(\${(f)"$(${MODELS})"}); compadd -a models; }
${functions.join('\n')}
if [ "$funcstack[1]" = "_thimble" ]; then _thimble "$@"; else compdef _thimble thimble; fi
`;
}

function functionName(path: readonly string[]): string {
  return ['_thimble', ...path].join('_').replaceAll('-', '_');
}

function zshValue({ takesModel, choices }: Pick<CommandRow, 'takesModel' | 'choices'>): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  return takesModel ? '__thimble_model_ids' : '_files';
}

function zshOption(option: OptionRow): string {
  const about = oneLine(option.about).replaceAll(/[[\]:\\]/g, String.raw`\$&`);
  const value = option.takesValue ? `: :${zshValue(option)}` : '';
  const [first = '', second] = option.flags;
  if (second === undefined) return quote(`${first}[${about}]${value}`);
  return `${quote(`(${first} ${second})`)}{${first},${second}}${quote(`[${about}]${value}`)}`;
}

function fishScript(rows: readonly CommandRow[]): string {
  const lines = rows.flatMap((row) => {
    const when = fishCondition(row);
    const below = row.subcommands.map((sub) => {
      const about = rows.find(({ path }) => path.join(' ') === [...row.path, sub].join(' '))?.about;
      return `complete -c thimble -f -n ${quote(when)} -a ${quote(sub)} -d ${fishQuote(about ?? '')}`;
    });
    const options = row.options.map((option) => fishOption(option, when));
    const values = [
      ...(row.choices.length > 0 ? [quote(row.choices.join(' '))] : []),
      ...(row.takesModel ? [quote(`(${MODELS})`)] : []),
    ].map((words) => `complete -c thimble -f -n ${quote(when)} -a ${words}`);
    return [...below, ...options, ...values];
  });
  return `# thimble: completion for fish. Made by: thimble completion fish\n${lines.join('\n')}\n`;
}

/** Where the words so far name this command and none below it. */
function fishCondition({ path, subcommands }: CommandRow): string {
  if (path.length === 0) return '__fish_use_subcommand';
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const none =
    subcommands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${subcommands.join(' ')}`];
  return [...seen, ...none].join('; and ');
}

function fishOption({ flags, about, takesValue, takesModel, choices }: OptionRow, when: string) {
  const names = flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const values =
    choices.length > 0
      ? ` -f -a ${quote(choices.join(' '))}`
      : takesModel
        ? ` -f -a ${quote(`(${MODELS})`)}`
        : '';
  return `complete -c thimble -n ${quote(when)} ${names.join(' ')}${takesValue ? ` -r${values}` : ''} -d ${fishQuote(about)}`;
}

/** Fish knows two escapes within single quotes. */
function fishQuote(text: string): string {
  return `'${oneLine(text)
    .replaceAll('\\', '\\\\')
    .replaceAll("'", String.raw`\'`)}'`;
}
