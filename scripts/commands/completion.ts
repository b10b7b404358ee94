/** `thimble completion`: what a shell needs to complete commands, options and models. */
import process from 'node:process';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { SHELLS } from './program/completion.ts';
import { commandTree } from './program/tree.ts';

const EXAMPLES = `
Examples:
  source <(thimble completion bash)                              (for this shell; in ~/.bashrc for all)
  thimble completion zsh > "\${fpath[1]}/_thimble"
  thimble completion fish > ~/.config/fish/completions/thimble.fish
`;

export function register(program: Command): void {
  program
    .command('completion')
    .summary('print the completion of a shell')
    .description('Prints a script that completes commands, options and models in a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: string) => {
      process.stdout.write(SHELLS[shell]!(commandTree(program)));
    });
}
