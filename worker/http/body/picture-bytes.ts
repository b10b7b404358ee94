/** Pictures in a body: a model reads words in their place, so that their bytes are no tokens. */

/** Fields of the APIs that hold pictures. */
const FIELDS: ReadonlySet<string> = new Set(['url', 'image_url', 'data', 'image', 'images']);
const DATA = /^data:[^,]{0,100};base64,/;
/** Base64 of anything, by its beginning: Ollama's and Anthropic's pictures are no URLs. */
const BASE64 = /^[A-Za-z0-9+/]{200}/;
/** Bytes of the words that take a picture's place, at most. */
const WORDS_BYTES = 4096;

/** Size of a body when each picture counts as its words. @param body as it was sent */
export function textBytes(nBytes: number, body: unknown): number {
  let left = nBytes;
  const visit = (value: unknown, isPicture: boolean): void => {
    if (typeof value === 'string') {
      if (isPicture && (DATA.test(value) || BASE64.test(value)))
        left -= Math.max(0, value.length - WORDS_BYTES);
    } else if (Array.isArray(value)) {
      for (const item of value) visit(item, isPicture);
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) {
        // What calls are given is text, whatever its fields are called.
        const isCall = name === 'input' && !Array.isArray(item);
        if (!isCall) visit(item, FIELDS.has(name));
      }
    }
  };
  visit(body, false);
  return left;
}
