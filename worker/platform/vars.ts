/** Variables of the wrangler.toml files, which are always strings. */

/** Present names of variables, and the former name of each. */
const FORMER_NAMES = {
  RECOGNITION_MODEL: 'TRANSCRIPTION_MODEL',
  VOICE_MODEL: 'SPEECH_MODEL',
} as const;
type RenamedVar = keyof typeof FORMER_NAMES;
type FormerVar = (typeof FORMER_NAMES)[RenamedVar];

/** Bindings of a script with such variables, under either name. */
export type RenamedVars = { readonly [Name in RenamedVar | FormerVar]?: string };

/**
 * A renamed variable. A value under the former name takes precedence: wrangler.toml has a
 * value under the present name only. Undefined when both are absent or empty.
 */
export function readRenamed(env: RenamedVars, name: RenamedVar): string | undefined {
  return [env[FORMER_NAMES[name]], env[name]].find((value) => value !== undefined && value !== '');
}

/** A whole number above 0; null when the variable is absent or not such a number. */
export function readCount(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : null;
}
