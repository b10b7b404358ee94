/**
 * Removes what no voice can say, or makes it plain: control characters, emoji, markup. There is no SSML:
 * tags are dropped and what they enclose is spoken. Every pattern takes linear time.
 */

/** Anything between angle brackets that begins like a tag, a closing tag, a comment or a declaration. */
const TAG = /<(?:[A-Za-z/!?][^<>]{0,500})>/g;
/** Pictures with skin tones, joiners and variation selectors; flags; keycaps. */
const EMOJI =
  /(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|[\u{1F3FB}-\u{1F3FF}\u200D\uFE0F\u20E3])+/gu;
/** Symbols that are pictographic to Unicode and words to us. */
const SPOKEN_PICTOGRAPHS: Readonly<Record<string, string>> = {
  '©': ' copyright ',
  '®': ' ',
  '™': ' ',
};
const CONTROL =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFD]/g;

const MARKDOWN: readonly (readonly [RegExp, string])[] = [
  // ![alt](address) and [text](address): what a reader would see.
  [/!?\[([^[\]]{0,300})\]\([^()\s]{0,500}\)/g, '$1'],
  [/^\s{0,3}#{1,6}\s+/gm, ''],
  [/^\s{0,3}>\s?/gm, ''],
  // A list's items are separate sentences.
  [/^\s{0,8}[-*+•]\s+/gm, '\n\n'],
  [/^\s{0,3}(?:[-*_]\s?){3,}$/gm, '\n\n'],
  [/```[\w-]{0,20}/g, ' '],
  [/[`*]{1,3}|~~|(?<![\p{L}\p{N}])_{1,2}(?=\S)|(?<=\S)_{1,2}(?![\p{L}\p{N}])/gu, ''],
];

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&nbsp;': ' ',
};

const PLAIN: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019\u02BC\u2032]/g, "'"],
  [/[\u201C\u201D\u201E\u00AB\u00BB]/g, '"'],
  [/\u2026|\.{3,}/g, '. '],
  [/[\u2014\u2013](?=\s)|(?<=\s)[\u2014\u2013]|\u2014|(?<=\s)-{1,3}(?=\s)/g, ', '],
  [/[\u2010-\u2013\u2212]/g, '-'],
  [/[\u00A0\u2000-\u200A\u202F\u205F\u3000\t]/g, ' '],
];

/** The text as plain letters, digits and punctuation, paragraphs as empty lines. */
export function cleanText(text: string): string {
  let out = text.replaceAll(/\r\n?/g, '\n').replaceAll(CONTROL, ' ');
  // Before compatibility forms are folded: ™ would become two letters.
  out = out.replaceAll(/[©®™]/g, (symbol) => SPOKEN_PICTOGRAPHS[symbol] ?? ' ');
  out = out.normalize('NFKC').replaceAll(EMOJI, ' ');
  out = out.replaceAll(TAG, ' ');
  out = out.replaceAll(/&(?:amp|lt|gt|quot|apos|nbsp);/g, (entity) => ENTITIES[entity] ?? ' ');
  for (const [pattern, replacement] of [...MARKDOWN, ...PLAIN])
    out = out.replaceAll(pattern, replacement);
  return out;
}
