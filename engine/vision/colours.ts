/** Colours of a picture by their names, and where they lie. */
import type { Picture } from './picture.ts';

export interface NamedColour {
  readonly name: string;
  /** Of the pixels, 0 to 1. */
  readonly share: number;
}

/** Pixels that are looked at, spread over the picture. */
const MAX_SAMPLES = 16_384;
/** Smaller shares are not worth a word. */
const MIN_SHARE = 0.04;
const MAX_COLOURS = 5;

/** Up to which hue, in degrees, each name goes. */
const HUES: readonly (readonly [number, string])[] = [
  [14, 'red'],
  [42, 'orange'],
  [68, 'yellow'],
  [165, 'green'],
  [195, 'cyan'],
  [255, 'blue'],
  [290, 'purple'],
  [335, 'pink'],
  [360, 'red'],
];

/** The most common first. */
export function namedColours(picture: Picture): NamedColour[] {
  return coloursOf(picture, { left: 0, top: 0, right: picture.width, bottom: picture.height });
}

/** Rows of a grid of 3 x 3: the most common colour of each part. */
export function colourGrid(picture: Picture): string[][] {
  const { width, height } = picture;
  const edges = (length: number) => [0, 1, 2, 3].map((i) => Math.round((i * length) / 3));
  const [xs, ys] = [edges(width), edges(height)];
  return [0, 1, 2].map((row) =>
    [0, 1, 2].map((column) => {
      const area = {
        ...{ left: xs[column]!, right: Math.max(xs[column]! + 1, xs[column + 1]!) },
        ...{ top: ys[row]!, bottom: Math.max(ys[row]! + 1, ys[row + 1]!) },
      };
      return coloursOf(picture, area)[0]?.name ?? 'grey';
    }),
  );
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function coloursOf({ width, height, rgb }: Picture, area: Area): NamedColour[] {
  const counts = new Map<string, number>();
  const right = Math.min(width, area.right);
  const bottom = Math.min(height, area.bottom);
  const nPixel = (right - area.left) * (bottom - area.top);
  const step = Math.max(1, Math.ceil(Math.sqrt(nPixel / MAX_SAMPLES)));
  let n = 0;
  for (let y = area.top; y < bottom; y += step)
    for (let x = area.left; x < right; x += step) {
      const at = 3 * (y * width + x);
      const name = colourName(rgb[at]!, rgb[at + 1]!, rgb[at + 2]!);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      n++;
    }
  return [...counts]
    .map(([name, count]) => ({ name, share: count / n }))
    .filter(({ share }) => share >= MIN_SHARE)
    .sort((a, b) => b.share - a.share)
    .slice(0, MAX_COLOURS);
}

/** A name that people use, of red, green and blue from 0 to 255. */
export function colourName(red: number, green: number, blue: number): string {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  const lightness = (most + least) / 510;
  const chroma = (most - least) / 255;
  if (chroma < 0.1 || lightness < 0.06) return greyName(lightness);
  const hue = hueOf(red, green, blue);
  const name = HUES.find(([end]) => hue <= end)![1];
  if ((name === 'orange' || name === 'red') && lightness < 0.4 && hue > 5 && hue < 50)
    return lightness < 0.15 ? 'dark brown' : 'brown';
  if (lightness < 0.25) return `dark ${name}`;
  return lightness > 0.78 ? `light ${name}` : name;
}

function greyName(lightness: number): string {
  if (lightness < 0.15) return 'black';
  if (lightness > 0.92) return 'white';
  if (lightness < 0.4) return 'dark grey';
  return lightness > 0.7 ? 'light grey' : 'grey';
}

/** Degrees, 0 to 360. */
function hueOf(red: number, green: number, blue: number): number {
  const most = Math.max(red, green, blue);
  const range = most - Math.min(red, green, blue);
  const sixth =
    most === red
      ? (green - blue) / range
      : most === green
        ? 2 + (blue - red) / range
        : 4 + (red - green) / range;
  return (60 * sixth + 360) % 360;
}
