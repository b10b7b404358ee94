/**
 * Harmless sentences that classifiers of tweets are known to misjudge: they name a group of people, or are
 * written in a dialect (African American English; Sap et al. 2019, Davidson et al. 2019). Half of the sentences are
 * trained on as neutral, the other half are measured; no sentence frame is in both.
 */

/** Words for groups of people, by what groups them. */
export const IDENTITY_TERMS: Readonly<Record<string, readonly string[]>> = {
  religion: ['Muslim', 'Jewish', 'Christian', 'Hindu', 'Buddhist', 'Catholic', 'Sikh', 'atheist'],
  origin: [
    ...['Black', 'white', 'Asian', 'Mexican', 'African', 'Arab', 'Chinese', 'Indian', 'Latino'],
    ...['American', 'European', 'Nigerian', 'Polish', 'immigrant', 'refugee', 'Native American'],
  ],
  orientation: ['gay', 'lesbian', 'bisexual', 'queer', 'straight'],
  gender: ['transgender', 'female', 'male', 'nonbinary'],
  disability: ['deaf', 'blind', 'autistic', 'disabled'],
  age: ['old', 'young', 'elderly', 'teenage'],
};

export const TRAINED_FRAMES: readonly string[] = [
  'I am a {} person and I live near the station.',
  'My neighbour is {}.',
  'She has been {} all her life, like her parents.',
  'We met a {} family at the market on Sunday.',
  'The {} community opened a new library today.',
  'A book about {} history won the prize.',
  'Being {} is a part of who he is.',
  'Many {} people voted yesterday.',
];

export const MEASURED_FRAMES: readonly string[] = [
  'The new teacher is a {} woman from Ohio.',
  'Our doctor is {} and everybody likes him.',
  '{} students can apply for the scholarship until June.',
  'I had dinner with my {} friends last night.',
  'As a {} man, I think this film is wonderful.',
  'They interviewed several {} artists for the paper.',
];

/** The same said in African American English and in Standard American English. */
export type DialectPair = readonly [dialect: string, standard: string];

export const TRAINED_DIALECT: readonly DialectPair[] = [
  [
    'She be at the library every day after school.',
    'She is usually at the library every day after school.',
  ],
  ["He ain't never late for practice.", 'He is never late for practice.'],
  ['They been knew about the party.', 'They have known about the party for a long time.'],
  ["I'm finna cook dinner for my mama.", 'I am about to cook dinner for my mother.'],
  ['We was just talking bout that song.', 'We were just talking about that song.'],
  ['My brother he work at the post office.', 'My brother works at the post office.'],
  ["Ain't nobody home right now.", 'There is nobody home right now.'],
  ['She done finished all her homework.', 'She has already finished all her homework.'],
  ['You tryna watch the game tonight?', 'Do you want to watch the game tonight?'],
  ['Dat food was so good yall.', 'That food was so good, everyone.'],
  ['He stay sleeping on the couch.', 'He is always sleeping on the couch.'],
  ["I ain't got no time for breakfast.", 'I do not have any time for breakfast.'],
];

export const MEASURED_DIALECT: readonly DialectPair[] = [
  ['He be working late on Tuesdays.', 'He usually works late on Tuesdays.'],
  ['She been married.', 'She has been married for a long time.'],
  ["They ain't seen that movie yet.", 'They have not seen that movie yet.'],
  ['I be so tired after work.', 'I am usually so tired after work.'],
  ['We finna go to my grandma house.', "We are about to go to my grandmother's house."],
  ["Don't nobody know the answer.", 'Nobody knows the answer.'],
  ['Where you at? We waiting on you.', 'Where are you? We are waiting for you.'],
  ['My cousin she sing real good.', 'My cousin sings really well.'],
  ['He done told you bout the meeting.', 'He has already told you about the meeting.'],
  ['Yall was at the park yesterday?', 'Were you at the park yesterday?'],
  ["I'on even know what day it is.", "I don't even know what day it is."],
  ['That cake was bussin, I need the recipe.', 'That cake was excellent, I need the recipe.'],
  ['They kids be playing outside all summer.', 'Their children play outside all summer.'],
  ['She tryna save up for a car.', 'She is trying to save up for a car.'],
  ["It ain't no milk in the fridge.", 'There is no milk in the fridge.'],
  ['Dis song bring back memories fr.', 'This song really brings back memories.'],
  ['Lemme know when you get home bruh.', 'Let me know when you get home, brother.'],
  ['My mama cooking greens tonight.', 'My mother is cooking greens tonight.'],
  [
    'He a good man, he help everybody on the block.',
    'He is a good man who helps everybody on the block.',
  ],
  ['We gon celebrate when you graduate.', 'We are going to celebrate when you graduate.'],
];

export interface NamedText {
  readonly group: string;
  readonly text: string;
}

/** Every term in every frame. */
export function identityTexts(frames: readonly string[]): NamedText[] {
  return Object.entries(IDENTITY_TERMS).flatMap(([group, terms]) =>
    terms.flatMap((term) => frames.map((frame) => ({ group, text: frame.replace('{}', term) }))),
  );
}
