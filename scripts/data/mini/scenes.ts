/**
 * Scenes of coloured shapes, 64 x 64 pixels, with captions and questions: made from a seed, the same each time. Some
 * pairs of a colour and a shape are seen in held-out scenes alone, though each colour and each shape is learned.
 * Captions, and what is said before an answer, tell columns: the one said last is where a model goes on from, which was
 * what it lost in lists of three and four shapes without them.
 */
import { SeededRandom } from '../../lib/seeded-random.ts';

export const SCENE_SIDE = 64;
export const SHAPES = ['circle', 'square', 'triangle', 'cross'] as const;
export type Shape = (typeof SHAPES)[number];
export const COLOURS = {
  red: [214, 40, 40],
  green: [40, 160, 60],
  blue: [40, 80, 210],
  yellow: [240, 200, 30],
  purple: [140, 50, 170],
  orange: [245, 130, 30],
} as const satisfies Readonly<Record<string, readonly [number, number, number]>>;
export type Colour = keyof typeof COLOURS;
const COLOUR_NAMES = Object.keys(COLOURS) as Colour[];

/** Pairs that no scene of training has; each colour and each shape is there at most once. */
export const HELD_OUT_PAIRS: readonly (readonly [Colour, Shape])[] = [
  ['red', 'cross'],
  ['green', 'triangle'],
  ['blue', 'square'],
  ['yellow', 'circle'],
];
const BACKGROUNDS: readonly (readonly [number, number, number])[] = [
  [255, 255, 255],
  [225, 225, 225],
  [20, 20, 25],
];
/** What scenes may be like. */
export interface SceneRules {
  /** Pixels; sizes of shapes go with it. */
  readonly side: number;
  readonly maxObjects: number;
  /** Whether HELD_OUT_PAIRS are in scenes of their own alone. */
  readonly holdsPairs: boolean;
}

/** Of the data set that `thimble data mini` writes. */
export const SCENE_RULES: SceneRules = { side: SCENE_SIDE, maxObjects: 4, holdsPairs: true };
/** In parts of the side. */
const MIN_RADIUS = 5 / 64;
const MAX_RADIUS = 10 / 64;
/** Columns of a picture. Middles of shapes are at least one apart from left to right, so that each has its own. */
export const N_COLUMN = 8;
/** Places that are tried for an object; a scene may have fewer. */
const MAX_TRIES = 50;
/** Share of the scenes without a held-out pair that are tests. */
const TEST_PART = 0.1;

export interface SceneObject {
  readonly colour: Colour;
  readonly shape: Shape;
  /** Middle and half of its side, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** `held_out` scenes have a pair that no other scene has. */
export type SceneSplit = 'train' | 'test' | 'held_out';

export interface Scene {
  readonly side: number;
  readonly holdsPairs: boolean;
  readonly objects: readonly SceneObject[];
  readonly background: readonly [number, number, number];
  readonly split: SceneSplit;
}

export interface Question {
  readonly type: 'existence' | 'colour' | 'shape' | 'count' | 'column' | 'left or right';
  readonly question: string;
  /** What is said before the answer and leads to it, such as where the shapes are that it is about; often nothing. */
  readonly reasoning: string;
  readonly answer: string;
}

/** The scene of a number: its first object goes through every pair of a colour and a shape in turn. */
export function sceneOf(seed: number, number: number, rules: SceneRules = SCENE_RULES): Scene {
  const { side, maxObjects, holdsPairs } = rules;
  const random = randomOf(seed, number);
  const nWanted = random.integer(1, maxObjects);
  const pair = number % (COLOUR_NAMES.length * SHAPES.length);
  // A scene of training must have no held-out pair in any place; one of the others has it in the first.
  const isHeldOut = holdsPairs && isHeldOutPair(pairAt(pair));
  const objects: SceneObject[] = [];
  for (let i = 0; i < MAX_TRIES && objects.length < nWanted; i++) {
    const [colour, shape] = objects.length === 0 ? pairAt(pair) : pairAt(random.integer(0, 23));
    const radius = random.integer(Math.round(MIN_RADIUS * side), Math.round(MAX_RADIUS * side));
    const place = (): number => random.integer(radius + 1, side - radius - 2);
    const object = { colour, shape, x: place(), y: place(), radius };
    if (holdsPairs && !isHeldOut && isHeldOutPair([colour, shape])) continue;
    const isFree = (other: SceneObject): boolean =>
      !touches(object, other) && Math.abs(object.x - other.x) >= side / N_COLUMN;
    if (objects.every(isFree)) objects.push(object);
  }
  const background = BACKGROUNDS[random.integer(0, BACKGROUNDS.length - 1)]!;
  const split = isHeldOut ? 'held_out' : random.chance(TEST_PART) ? 'test' : 'train';
  return { side, holdsPairs, objects, background, split };
}

/** Numbers near each other must not give scenes that are alike. */
function randomOf(seed: number, number: number): SeededRandom {
  const random = new SeededRandom(
    Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b),
  );
  random.next();
  return random;
}

function pairAt(number: number): readonly [Colour, Shape] {
  return [COLOUR_NAMES[Math.floor(number / SHAPES.length)]!, SHAPES[number % SHAPES.length]!];
}

function isHeldOutPair([colour, shape]: readonly [Colour, Shape]): boolean {
  return HELD_OUT_PAIRS.some((pair) => pair[0] === colour && pair[1] === shape);
}

function touches(one: SceneObject, other: SceneObject): boolean {
  const apart = one.radius + other.radius + 2;
  return Math.abs(one.x - other.x) < apart && Math.abs(one.y - other.y) < apart;
}

/** Whether a pixel belongs to a shape, by its place from the middle in halves of the side. */
const INSIDE: Readonly<Record<Shape, (x: number, y: number) => boolean>> = {
  circle: (x, y) => x * x + y * y <= 1,
  square: () => true,
  triangle: (x, y) => Math.abs(x) <= (y + 1) / 2,
  cross: (x, y) => Math.abs(x) <= 0.34 || Math.abs(y) <= 0.34,
};

/** Rows of red, green, blue, [side, side, 3]. */
export function drawScene({ side, objects, background }: Scene): Uint8Array {
  const rgb = new Uint8Array(3 * side ** 2);
  for (let i = 0; i < rgb.length; i += 3) rgb.set(background, i);
  for (const { colour, shape, x, y, radius } of objects)
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++)
        if (INSIDE[shape](dx / radius, dy / radius))
          rgb.set(COLOURS[colour], 3 * ((y + dy) * side + x + dx));
  return rgb;
}

/** `at 3 a red circle, at 6 a blue square`, from left to right. */
export function captionOf(scene: Scene): string {
  return fromLeft(scene.objects)
    .map((one) => `${placeOf(scene, one)} ${article(one.colour)} ${one.colour} ${one.shape}`)
    .join(', ');
}

/** What is answered in the end: without the reasoning before it, and without the columns of a caption. */
export function answerOf(said: string): string {
  return said
    .slice(1 + said.lastIndexOf(':'))
    .trim()
    .replaceAll(/\bat \d+ (?=an? )/g, '');
}

const fromLeft = (objects: readonly SceneObject[]): SceneObject[] =>
  objects.toSorted((a, b) => a.x - b.x);

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a');

/** Column of an object's middle, from 1. */
export function columnOf({ side }: Pick<Scene, 'side'>, { x }: SceneObject): number {
  return 1 + Math.floor((N_COLUMN * x) / side);
}

const placeOf = (scene: Scene, object: SceneObject): string => `at ${columnOf(scene, object)}`;

/** At most one question of each type; what a scene leaves open is not asked. */
export function questionsOf(scene: Scene, seed: number, number: number): Question[] {
  const random = randomOf(seed ^ 0x51ed, number);
  return [existence, colour, shape, count, column, side].flatMap((ask) => ask(scene, random) ?? []);
}

type Ask = (scene: Scene, random: SeededRandom) => Question | null;

const pick = <T>(random: SeededRandom, items: readonly T[]): T | undefined =>
  items[random.integer(0, items.length - 1)];
const yesNo = (is: boolean): string => (is ? 'yes' : 'no');

/**
 * Half of the answers are yes. Scenes that are learned from are not asked about held-out pairs, of which they could only
 * say no.
 */
const existence: Ask = ({ objects, holdsPairs, split }, random) => {
  const isThere = random.chance(0.5);
  const missing = COLOUR_NAMES.flatMap((colour) =>
    SHAPES.map((shape) => ({ colour, shape })),
  ).filter(
    ({ colour, shape }) =>
      !objects.some((one) => one.colour === colour && one.shape === shape) &&
      (!holdsPairs || split === 'held_out' || !isHeldOutPair([colour, shape])),
  );
  const asked = pick(random, isThere ? objects : missing);
  if (asked === undefined) return null;
  return {
    type: 'existence',
    question: `is there ${article(asked.colour)} ${asked.colour} ${asked.shape}?`,
    ...{ reasoning: '', answer: yesNo(isThere) },
  };
};

/** Objects that are the only one of their kind. */
function onlyOnes(
  objects: readonly SceneObject[],
  kindOf: (object: SceneObject) => string,
): SceneObject[] {
  return objects.filter(
    (one) => objects.filter((other) => kindOf(other) === kindOf(one)).length === 1,
  );
}

const colour: Ask = ({ objects }, random) => {
  const asked = pick(
    random,
    onlyOnes(objects, (one) => one.shape),
  );
  if (asked === undefined) return null;
  return {
    ...{ type: 'colour', question: `what colour is the ${asked.shape}?` },
    ...{ reasoning: '', answer: asked.colour },
  };
};

const shape: Ask = ({ objects }, random) => {
  const asked = pick(
    random,
    onlyOnes(objects, (one) => one.colour),
  );
  if (asked === undefined) return null;
  return {
    ...{ type: 'shape', question: `what shape is the ${asked.colour} object?` },
    ...{ reasoning: '', answer: asked.shape },
  };
};

const count: Ask = (scene, random) => {
  const kind = pick(random, [...SHAPES, 'object'] as const)!;
  const found = fromLeft(scene.objects).filter(({ shape }) => kind === 'object' || shape === kind);
  const places = found.map((one) => placeOf(scene, one)).join(', ');
  return {
    type: 'count',
    question: `how many ${kind === 'cross' ? 'crosses' : `${kind}s`} are there?`,
    reasoning: `${places === '' ? 'none' : places}: `,
    answer: String(found.length),
  };
};

interface NamedObject {
  readonly object: SceneObject;
  readonly name: string;
}

const NAMES: readonly ((object: SceneObject) => string)[] = [
  ({ shape }) => shape,
  ({ colour }) => `${colour} object`,
  ({ colour, shape }) => `${colour} ${shape}`,
];

/** Every name that belongs to one object alone: its shape, its colour, or both. */
function namedObjects(objects: readonly SceneObject[]): NamedObject[] {
  return NAMES.flatMap((nameOf) =>
    onlyOnes(objects, nameOf).map((object) => ({ object, name: nameOf(object) })),
  );
}

const column: Ask = (scene, random) => {
  const asked = pick(random, namedObjects(scene.objects));
  if (asked === undefined) return null;
  return {
    ...{ type: 'column', question: `in which column is the ${asked.name}?` },
    ...{ reasoning: '', answer: placeOf(scene, asked.object) },
  };
};

const side: Ask = (scene, random) => {
  const named = namedObjects(scene.objects);
  const one = pick(random, named);
  const other = pick(
    random,
    named.filter(({ object }) => object !== one?.object),
  );
  if (one === undefined || other === undefined) return null;
  return {
    type: 'left or right',
    question: `is the ${one.name} left or right of the ${other.name}?`,
    reasoning: `${[one, other].map(({ name, object }) => `${name} ${placeOf(scene, object)}`).join(', ')}: `,
    answer: one.object.x < other.object.x ? 'left' : 'right',
  };
};
