/** Parts of pages that report on trainings: tables and curves, without scripts. */

/** A point of both curves. */
export interface LossStep {
  readonly step: number;
  readonly loss: number;
  readonly heldOutLoss: number | null;
}

const WIDTH = 720;
const HEIGHT = 260;
const MARGIN = 44;
/** Points of a curve: more are not seen. */
const MAX_POINTS = 500;

/** A page of its own. @param body HTML */
export function reportPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td { border-top: 1px solid #ddd; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: #f4f4f2; padding: 0.7rem; } svg { width: 100%; height: auto; }
</style>
<h1>${escaped(title)}</h1>
${body}
</html>
`;
}

export function table(rows: readonly (readonly [string, string])[]): string {
  const cells = rows.map(([name, value]) => `<tr><td>${name}<td>${escaped(value)}`);
  return `<table>${cells.join('\n')}</table>`;
}

/** Both losses over the steps of this run. */
export function chart(history: readonly LossStep[]): string {
  const losses = history.map(({ step, loss }) => [step, loss] as const);
  const held = history.flatMap(({ step, heldOutLoss }) =>
    heldOutLoss === null ? [] : [[step, heldOutLoss] as const],
  );
  const all = [...losses, ...held];
  if (all.length < 2) return '<p>Too few steps for a curve.</p>';
  const [left, right] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))];
  const [low, high] = [Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const x = (step: number): string =>
    (MARGIN + ((step - left) / Math.max(1, right - left)) * (WIDTH - 2 * MARGIN)).toFixed(1);
  const y = (loss: number): string =>
    (HEIGHT - MARGIN - ((loss - low) / Math.max(1e-9, high - low)) * (HEIGHT - 2 * MARGIN)).toFixed(
      1,
    );
  const line = (points: readonly (readonly [number, number])[], colour: string): string => {
    const every = Math.ceil(points.length / MAX_POINTS);
    const shown = points.filter((_, i) => i % every === 0 || i === points.length - 1);
    const text = shown.map(([step, loss]) => `${x(step)},${y(loss)}`).join(' ');
    return `<polyline points="${text}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  };
  const label = (text: string, at: string): string => `<text ${at} font-size="13">${text}</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Losses from step ${left} to ${right}">
${line(losses, '#9bb8b3')}
${line(held, '#a33')}
${label(high.toFixed(2), `x="2" y="${y(high)}"`)}
${label(low.toFixed(2), `x="2" y="${y(low)}"`)}
${label(`step ${left}`, `x="${MARGIN}" y="${HEIGHT - 14}"`)}
${label(`step ${right}`, `x="${WIDTH - MARGIN}" y="${HEIGHT - 14}" text-anchor="end"`)}
</svg>
<p>Learned from (grey) and held out (red), of this run.</p>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}
