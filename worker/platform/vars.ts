/** Variables of the wrangler.toml files, which are always texts. */

/** A whole number above 0, or null when the variable is empty or anything else. */
export function readCount(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : null;
}
