/** A report as one page without scripts: headings, tables, bars and quotations. Everything from data is escaped. */

export type Cells = readonly string[];

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; } th, td { border-top: 1px solid #ddd; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; text-align: left; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f2; padding: 0.7rem; margin: 0.3rem 0; } svg { width: 100%; height: auto; } img { max-width: 12rem; } .pair { margin-bottom: 1.2rem; }`;

/** @param parts HTML made by the functions below */
export function page(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
${STYLE}
</style>
<h1>${escaped(title)}</h1>
${parts.join('\n')}
</html>
`;
}

export const heading = (text: string): string => `<h2>${escaped(text)}</h2>`;
export const paragraph = (text: string): string => `<p>${escaped(text)}</p>`;
export const quotation = (text: string): string => `<pre>${escaped(text)}</pre>`;

/** @param head names of the columns; none for a table of facts */
export function table(rows: readonly Cells[], head: Cells = []): string {
  const names =
    head.length === 0 ? '' : `<tr>${head.map((name) => `<th>${escaped(name)}`).join('')}\n`;
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}`).join('')}`);
  return `<table>\n${names}${lines.join('\n')}\n</table>`;
}

const WIDTH = 720;
const ROW = 22;
const LABEL = 210;
const COUNT = 80;

/** Horizontal bars, as long as their counts. */
export function bars(rows: readonly { readonly label: string; readonly count: number }[]): string {
  const most = Math.max(1, ...rows.map(({ count }) => count));
  const lines = rows.map(({ label, count }, i) => {
    const y = i * ROW;
    const width = ((WIDTH - LABEL - COUNT) * count) / most;
    return (
      `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end" font-size="13">${escaped(label)}</text>` +
      `<rect x="${LABEL}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 6}" fill="#5b8f88"/>` +
      `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 15}" font-size="13">${count}</text>`
    );
  });
  const said = rows.map(({ label, count }) => `${label}: ${count}`).join(', ');
  return `<svg viewBox="0 0 ${WIDTH} ${Math.max(1, rows.length) * ROW}" role="img" aria-label="${escaped(said)}">\n${lines.join('\n')}\n</svg>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
