/** What others wrote (documents, answers of tools) inside a message: between tags that it cannot close. */

/** @param tag a plain name */
export function quoted(tag: string, text: string): string {
  return `<${tag}>\n${withoutTag(tag, text)}\n</${tag}>`;
}

/** Breaks up every tag of this name in a text, with capitals and a few spaces, too. */
export function withoutTag(tag: string, text: string): string {
  return text.replace(new RegExp(`<(?=\\s{0,4}/?\\s{0,4}${tag})`, 'gi'), '&lt;');
}
