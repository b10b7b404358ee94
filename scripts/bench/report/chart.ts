/**
 * The chart: a group of horizontal bars for every charted row, each group on a scale of its own.
 * Plain SVG with text as text; colours follow the reader's light or dark scheme. Pure.
 */
import type { BenchFacts } from './report.ts';
import { showValue, spreadOf } from './report.ts';
import { findPeer, PEER_NAMES } from '../peers/peers.ts';
import type { PeerName } from '../peers/peers.ts';
import { BENCH_ROWS } from './rows.ts';
import type { BenchRow } from './rows.ts';
import type { BenchResult } from './run.ts';
import type { Spread } from './statistics.ts';

const WIDTH = 820;
const LABEL_WIDTH = 200;
/** Kept to the right of the longest bar for its value. */
const VALUE_WIDTH = 130;
const BAR_HEIGHT = 18;
const BAR_STEP = 23;
const TITLE_HEIGHT = 26;
const GROUP_GAP = 14;
const TOP = 56;

/** Ours share a hue; others are grey to blue. Contrast of 3 and more on white and on #0d1117. */
const COLOURS: Readonly<Partial<Record<PeerName, string>>> = {
  workerd: '#d9480f',
  node: '#e8590c',
  chromium: '#f76707',
  'llama.cpp': '#1c7ed6',
  'llama.cpp-q4_0': '#4c8fd0',
  wllama: '#7a8691',
};

interface Bar {
  readonly peer: PeerName;
  readonly spread: Spread;
}
interface Group {
  readonly row: BenchRow;
  readonly bars: readonly Bar[];
}

export function chartSvg(facts: BenchFacts, result: BenchResult, rows = BENCH_ROWS): string {
  const groups = makeGroups(result, rows);
  const parts: string[] = [];
  let y = TOP;
  for (const group of groups) {
    parts.push(drawGroup(group, y));
    y += TITLE_HEIGHT + group.bars.length * BAR_STEP + GROUP_GAP;
  }
  const subtitle =
    `${facts.model}, preset ${facts.preset}, ${facts.cpu}, one core, ${facts.date}: ` +
    `medians of ${facts.rounds} alternating rounds, line from lowest to highest` +
    (facts.ownTime ? '; others on the core taken out' : '');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Tokens a second of several engines on one core">`,
    '<style>',
    'text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}',
    '.head{font-size:16px;font-weight:600}.title{font-weight:600}.note{font-size:11px;fill:#59636e}',
    '.range{stroke:#1f2328;stroke-width:1.5}',
    '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.range{stroke:#e6edf3}}',
    '</style>',
    '<text class="head" x="8" y="22">Tokens a second on one core, more is better</text>',
    `<text class="note" x="8" y="42">${escape(subtitle)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function makeGroups({ series }: BenchResult, rows: readonly BenchRow[]): Group[] {
  return rows
    .filter(({ isCharted }) => isCharted === true)
    .map((row) => ({
      row,
      bars: PEER_NAMES.filter((peer) => peer in COLOURS).flatMap((peer): Bar[] => {
        const found = series.find((one) => one.row === row.name && one.peer === peer);
        return found === undefined ? [] : [{ peer, spread: spreadOf(found) }];
      }),
    }))
    .filter(({ bars }) => bars.length > 0);
}

function drawGroup({ row, bars }: Group, top: number): string {
  const longest = Math.max(...bars.map(({ spread }) => spread.max));
  const length = (value: number) =>
    Math.max(1, (value / longest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
  const lines = bars.map(({ peer, spread }, i) => {
    const y = top + TITLE_HEIGHT + i * BAR_STEP;
    const middle = y + BAR_HEIGHT / 2;
    const end = LABEL_WIDTH + length(spread.max);
    const text = middle + 4.5;
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${text}" text-anchor="end">${escape(findPeer(peer).short)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${length(spread.median).toFixed(1)}" height="${BAR_HEIGHT}" rx="2" fill="${COLOURS[peer]}"/>`,
      `<line class="range" x1="${(LABEL_WIDTH + length(spread.min)).toFixed(1)}" x2="${end.toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${(end + 6).toFixed(1)}" y="${text}">${showValue(spread.median, row.unit)}</text>`,
    ].join('');
  });
  const title = `<text class="title" x="8" y="${top + 16}">${escape(row.title)}</text>`;
  return [title, ...lines].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
