/** The card of the small model, as README.md with the front matter that importers read. */
import { percent } from './percent.ts';
import type { MiniRun } from './run-mini.ts';
import type { Score } from './scores.ts';

export function miniCard(
  { config, training, opened }: MiniRun,
  answered: readonly Score[],
): string {
  const sources = opened.sources.map(
    ({ source: { about } }) => `- ${about.what}: ${about.licence}`,
  );
  const missing = opened.missing.map(({ name }) => `- without ${name}`);
  const scores = answered.map(
    ({ source, kind, right, asked, unbound }) =>
      `| ${source} | ${kind} | ${percent(right / asked)} | ${asked} | ${unbound === null ? '' : percent(unbound)} |`,
  );
  const people = opened.sources.flatMap(({ source }) =>
    source.people === undefined ? [] : [`- ${source.name}: ${source.people}`],
  );
  const groups = answered.flatMap(({ source, groups = {} }) =>
    Object.entries(groups).map(
      ([group, { right, asked }]) =>
        `| ${source} | ${group} | ${percent(right / asked)} | ${asked} |`,
    ),
  );
  return `---
license: apache-2.0
---

# ${config.id}

A decoder of ${training.nWeight} weights that reads text, pictures of ${config.image.size} x ${config.image.size} pixels and short sounds, trained from nothing by \`npm run train:mini\`
(seed ${config.seed}, ${training.nStep} steps). It shows that the kit can train and serve such a model; it is not an assistant.

## What it was made from

${[...sources, ...missing].join('\n')}

Recordings under CC-BY-SA are not part of the weights; whoever shares recordings shares them under that licence.

## What it gets right

Answers to scenes, pictures, speakers and texts that it never learned from, in 8 bits and without sampling; where it tells columns
on its way, what it says in the end. The last column is what the words of the questions alone give away.

| source | question | right | asked | by words alone |
| --- | --- | ---: | ---: | ---: |
${scores.join('\n')}

${peopleSection(people, groups)}## What it cannot do

It knows no facts. It names circles, squares, triangles and crosses (and rectangles) in a few plain colours on a plain ground, at most
${config.sources.scenes.maxObjects} of them; of photographs it says something that is wrong. It hears single spoken digits, in English,
of at most ${((config.audio.most * config.audio.stack) / 100).toFixed(1)} s; other speech becomes a digit, too. Its stories are those of a child's book and lose their thread. A conversation has
${config.model.context} tokens, of which a picture takes ${(config.image.size / config.image.patch) ** 2}.
`;
}

/** Nothing of sources without people: scenes have none. */
function peopleSection(people: readonly string[], groups: readonly string[]): string {
  if (people.length === 0) return '';
  const table = ['| source | by | right | asked |', '| --- | --- | ---: | ---: |', ...groups];
  const shown = groups.length === 0 ? '' : `${table.join('\n')}\n\n`;
  return `## Who is in it\n\n${people.join('\n')}\n\n${shown}`;
}
