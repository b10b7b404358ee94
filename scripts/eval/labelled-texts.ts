/** Texts with labels, from files that are not in the repository. */
import { readFileSync } from 'node:fs';

export type LabelledText = readonly [text: string, label: string];

/** Rows of a CSV whose last field may be quoted: id,count,hate,offensive,neither,class,tweet. */
export function readTweets(
  path: string,
  kind: string,
  label: string,
  nRow: number,
): LabelledText[] {
  const row = /^\d+,\d+,\d+,\d+,\d+,(\d),(?:"((?:[^"]|"")*)"|(.*))$/gm;
  return [...readFileSync(path, 'utf8').matchAll(row)]
    .filter((match) => match[1] === kind)
    .slice(0, nRow)
    .map((match) => [(match[2] ?? match[3] ?? '').replaceAll('""', '"'), label]);
}

/** Spread over the file, which goes from short to long. */
export function readPairs(path: string, nRow: number): [english: string, french: string][] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const step = Math.floor(lines.length / nRow);
  return Array.from({ length: nRow }, (_, i) => {
    const [english = '', french = ''] = lines[i * step + Math.floor(step / 2)]!.split('\t');
    return [english, french];
  });
}
