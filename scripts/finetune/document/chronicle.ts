/**
 * A document that nobody has read: a chronicle of made-up villages, with facts of which one a village is asked for, in words
 * that are learned from and in words that are held out. The same for a seed.
 */
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';

export interface ChronicleQuestion {
  readonly question: string;
  /** What a right answer has in it. */
  readonly answer: string;
  /** Where the document says so. */
  readonly quote: string;
}

export interface Chronicle {
  readonly text: string;
  /** Several wordings of the question for each fact that is asked for. */
  readonly learned: readonly ChronicleQuestion[];
  /** Other wordings of each. */
  readonly heldOut: readonly ChronicleQuestion[];
}

export interface ChronicleOptions {
  readonly nVillage: number;
  readonly seed: number;
}

/** About 20,000 tokens. */
export const CHRONICLE_DEFAULTS: ChronicleOptions = { nVillage: 30, seed: 1 };

/** A kind of fact: how it is told, and how it is asked for; the last wordings are held out. */
interface FactKind {
  readonly values: (random: SeededRandom) => string;
  readonly tell: (village: string, value: string) => string;
  readonly ask: readonly ((village: string) => string)[];
}

const FIRST =
  'Ada Berta Carl Dora Emil Frida Gregor Hanna Ivo Jonas Klara Linus Mira Nils Olga Paula Quentin Rosa Stefan Tilda Ulrich Vera Walter Yara';
const LAST =
  'Moor Brandt Holm Kessler Lindt Marsh Norden Oaks Penn Quill Reed Stone Thorn Vale Weaver Yarrow Ashby Birch Crane Dale Fenn Grove Heath Lark';
const STARTS =
  'Bren Cald Dun Elms Fal Grim Hal Ing Kel Lang Mar Nor Ost Pell Rav Sten Tam Ul Ver Wick';
const ENDS = 'holt moor by ford wick stead dale ness combe haven';
const COLOURS = 'blue red green white black yellow grey amber violet silver';
const GOODS = 'pottery cheese glass wool honey candles lace baskets ribbons bells';
const FIRST_YEAR = 1600;
const LAST_YEAR = 1899;

const words = (text: string): readonly string[] => text.split(' ');
const pick = (random: SeededRandom, all: readonly string[]): string =>
  all[random.integer(0, all.length - 1)]!;

const KINDS: readonly FactKind[] = [
  {
    values: (random) => `${pick(random, words(FIRST))} ${pick(random, words(LAST))}`,
    tell: (village, value) => `The mill of ${village} is kept by ${value}.`,
    ask: [
      (village) => `Who keeps the mill of ${village}?`,
      (village) => `What is the name of the miller of ${village}?`,
      (village) => `Which person is the keeper of the mill at ${village}?`,
      (village) => `In ${village}, who looks after the mill?`,
      (village) => `Tell me who runs the mill in ${village}.`,
      (village) => `I have corn to grind in ${village}. Whom do I ask for at the mill?`,
    ],
  },
  {
    values: (random) => `${pick(random, words(COLOURS))} ${pick(random, words(GOODS))}`,
    tell: (village, value) => `${village} is known for its ${value}.`,
    ask: [
      (village) => `What is ${village} known for?`,
      (village) => `For which goods is ${village} famous?`,
      (village) => `What do people buy when they come to ${village}?`,
      (village) => `Which product comes from ${village}?`,
      (village) => `Tell me what the village of ${village} makes.`,
      (village) => `I want to bring a present from ${village}. What is it famous for?`,
    ],
  },
  {
    values: (random) => String(random.integer(FIRST_YEAR, LAST_YEAR)),
    tell: (village, value) => `The bridge of ${village} was built in ${value}.`,
    ask: [
      (village) => `When was the bridge of ${village} built?`,
      (village) => `In which year did ${village} get its bridge?`,
      (village) => `How old is the bridge of ${village}, by its year?`,
      (village) => `What year is the bridge at ${village} from?`,
      (village) => `Tell me the year in which ${village} built its bridge.`,
      (village) => `Since which year has there been a bridge at ${village}?`,
    ],
  },
];

/** What is told beside the facts, and never asked for. */
const TALES: readonly string[] = [
  'The road that leads there follows the river for an hour, and then climbs between hedges until the first roofs can be seen.',
  'In winter the snow lies so deep that the children go to school on sledges, and the post comes only once a week.',
  'Old people like to sit on the bench in front of the church, where the sun is warm until late in the afternoon.',
  'A market is held on the square in autumn, with carts from the whole valley, and music in the evening.',
  'The houses are built of pale stone, with slate on the roofs and small gardens behind them.',
  'Travellers are given bread, soup and a bed, and nobody asks them where they go before the next morning.',
  'There was a fire once that took half of the street, but all of it was built up again within two summers.',
  'The fields around it are not rich, yet barley grows well, and on the slopes there are sheep.',
  'A small library was set up in the old toll house, and the teacher opens it twice a week.',
  'On clear days the sea can be seen from the hill, as a thin bright line behind the woods.',
  'When the river is high, the lower meadows are under water for weeks, and herons come to fish there.',
  'Many of the young people leave for the towns, and some of them come back with trades and stories.',
  'The doctor lives two hours away, so that most families keep herbs and know how to use them.',
  'Every spring the paths are cleared together, and afterwards there is a meal for all who helped.',
  'An inn stands at the crossing, with a green door, low ceilings and a fire that never goes out.',
  'At night it is so quiet that one hears the owls in the tower and the water under the ice.',
  'Maps from earlier times show it with another name, which nobody uses any more.',
  'The schoolmaster writes down the weather every day, and has done so for more than thirty years.',
  'A bell that came up the river on a raft hangs in the gable of the school, and it has never been rung for a fire.',
  'Those who walk over the pass leave a stone on the heap at the top, which by now is taller than a man.',
  'In the year of the long rain the cellars filled with water, and potatoes were dried in the church.',
  'The baker lights his oven at three in the morning, and the smell of it wakes the street before the cocks do.',
  'It is said that a treasure lies under the oldest lime tree, but whoever has dug there has found only roots.',
  'The ferryman was paid in eggs when money was scarce, and his grandson still tells how they were counted.',
  'A painter lived there for three summers, and his pictures of the roofs hang in houses far away.',
  'The shepherds come down in September with garlands on the horns of the first sheep, and everybody counts the flock.',
  'Letters that nobody fetched are kept in a tin box at the inn, some of them older than the landlord.',
  'On the longest day fires are lit on the slopes, and one can tell the farms by their places in the dark.',
  'The well on the square is deep enough to hold a church tower, and its water is cold even in August.',
  'Swallows nest under every second roof, and it is thought bad luck to mend a gable while they are there.',
  'A travelling theatre comes every other year and plays in the barn behind the smithy, with lamps along the beams.',
  'When somebody marries, the neighbours stretch a rope over the road and ask for a small toll in sweets.',
];
const TALES_EACH = 28;
const N_HELD_OUT = 2;

/** Villages of different names, each with a fact of every kind among tales in a random order; kinds are asked for in turns. */
export function makeChronicle({ nVillage, seed }: ChronicleOptions): Chronicle {
  const random = new SeededRandom(seed);
  const names = shuffled(
    random,
    words(STARTS).flatMap((start) => words(ENDS).map((end) => start + end)),
  ).slice(0, nVillage);
  const sections: string[] = [];
  const learned: ChronicleQuestion[] = [];
  const heldOut: ChronicleQuestion[] = [];
  for (const [i, village] of names.entries()) {
    const told = KINDS.map(({ values, tell, ask }, kind) => {
      const answer = values(random);
      const quote = tell(village, answer);
      if (kind !== i % KINDS.length) return quote;
      const questions = ask.map((question) => ({ question: question(village), answer, quote }));
      learned.push(...questions.slice(0, -N_HELD_OUT));
      heldOut.push(...questions.slice(-N_HELD_OUT));
      return quote;
    });
    const tales = shuffled(random, TALES).slice(0, TALES_EACH);
    const sentences = shuffled(random, [...told, ...tales]);
    sections.push([`Of the village of ${village}.`, ...sentences].join(' '));
  }
  return { text: `${sections.join('\n\n')}\n`, learned, heldOut };
}
