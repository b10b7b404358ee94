/** `thimble init`: a project of one's own. */
import process from 'node:process';
import type { Command } from 'commander';
import { DEFAULT_TEMPLATE, TEMPLATES } from '../init/templates.ts';
import { shownPath, writeProject } from '../init/write-project.ts';

const EXAMPLES = `
Templates:
${Object.entries(TEMPLATES)
  .map(([name, { summary }]) => `  ${name.padEnd(6)} ${summary}`)
  .join('\n')}

Examples:
  thimble init my-app
  thimble init my-docs --template rag
`;

export function register(program: Command): void {
  program
    .command('init')
    .summary('write a project with a Worker of your own')
    .description(
      'Writes a project into a new folder: a Worker with a route of its own that mounts Thimble, its wrangler.toml, ' +
        'a test, and scripts for dev, test and deploy.',
    )
    .argument('<folder>', 'folder to make; its name becomes the name of the Worker')
    .option(
      '--template <template>',
      `what it starts from: ${Object.keys(TEMPLATES).join(', ')}`,
      DEFAULT_TEMPLATE,
    )
    .addHelpText('after', EXAMPLES)
    .action(runInit);
}

async function runInit(folder: string, { template }: { readonly template: string }): Promise<void> {
  const project = await writeProject({ folder, template });
  process.stdout.write(
    [
      ...project.files.map((file) => `  ${file}`),
      '',
      'Next:',
      `  cd ${shownPath(project.folder)}`,
      '  npm install',
      '  npm test',
      '  npm run dev',
      '',
    ].join('\n'),
  );
}
