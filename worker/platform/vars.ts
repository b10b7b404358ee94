/** Variables of the wrangler.toml files, which are always texts. */

/** Variables by their names, and what each was called before. */
const FORMER_NAMES = {
  RECOGNITION_MODEL: 'TRANSCRIPTION_MODEL',
  VOICE_MODEL: 'SPEECH_MODEL',
} as const;
type RenamedVar = keyof typeof FORMER_NAMES;
type FormerVar = (typeof FORMER_NAMES)[RenamedVar];

/** Bindings of a script that has such variables, under either name. */
export type RenamedVars = { readonly [Name in RenamedVar | FormerVar]?: string };

/**
 * A variable that was renamed. What somebody set under the former name goes first: wrangler.toml has a
 * value for the present name only. Undefined when both are absent or empty.
 */
export function readRenamed(env: RenamedVars, name: RenamedVar): string | undefined {
  return [env[FORMER_NAMES[name]], env[name]].find((value) => value !== undefined && value !== '');
}

/** A whole number above 0, or null when the variable is empty or anything else. */
export function readCount(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : null;
}
