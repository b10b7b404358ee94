/** The colours of a picture and where they lie; needs no model. */
import { colourGrid, namedColours } from '../../../engine/vision/colours.ts';
import type { Describer } from './describer.ts';

const ROWS = ['top', 'middle', 'bottom'] as const;
const COLUMNS = ['left', 'centre', 'right'] as const;

export const colourDescriber: Describer = {
  name: 'colours',
  model: null,
  describe(_context, picture) {
    const colours = namedColours(picture).map(({ name, share }) => ({
      name,
      share: Math.round(share * 1000) / 1000,
    }));
    const shown = colours.map(({ name, share }) => `${name} ${Math.round(share * 100)} %`);
    const lines = [
      `The colours of the picture: ${shown.length === 0 ? 'many, none common' : shown.join(', ')}.`,
    ];
    const layout = layoutOf(colourGrid(picture));
    if (layout !== null) lines.push(`Colours by place: ${layout}.`);
    return { lines, data: { colours } };
  },
};

/** Null where one colour is everywhere. */
export function layoutOf(grid: readonly (readonly string[])[]): string | null {
  if (new Set(grid.flat()).size === 1) return null;
  return grid.map((row, i) => `${ROWS[i]} ${rowWords(row)}`).join('; ');
}

function rowWords(row: readonly string[]): string {
  if (new Set(row).size === 1) return row[0]!;
  return row.map((name, i) => `${name} (${COLUMNS[i]})`).join(', ');
}
