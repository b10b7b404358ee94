/** Tables that scripts write into documents, each between two comments that name it. */

export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export interface DocRegion {
  /** Path of the document from the root, for errors. */
  readonly document: string;
  readonly name: string;
  /** Path from the root of the script that writes it. */
  readonly script: string;
}

/** Prettier would widen the tables: they are left as they are made. */
export function replaceRegion(
  text: string,
  { document, name, script }: DocRegion,
  inner: string,
): string {
  const begin = `<!-- ${name}:begin (written by node ${script}) -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${document}: no region "${name}"`);
  const padded = `\n\n<!-- prettier-ignore-start -->\n\n${inner}\n\n<!-- prettier-ignore-end -->\n\n`;
  return text.slice(0, from + begin.length) + padded + text.slice(to);
}
