/** Reads XML strictly, with a parser that expands no entities but XML's own five. Elements lose their prefixes. */
import { SaxesParser } from 'saxes';
import { takeTurn } from '../platform/turns.ts';
import type { Refuse } from './limits.ts';

export const MAX_XML_DEPTH = 256;
/** Characters between turns of the event loop: some milliseconds. */
const SLICE_CHARS = 64 * 1024;

export interface XmlHandler {
  /** @param attribute value of an attribute by its local name; empty without one */
  open?(name: string, attribute: (name: string) => string): void;
  close?(name: string): void;
  text?(text: string): void;
}

/** @throws {EngineError} E_REQUEST_INVALID for XML that is not well-formed, or too deep. */
export async function readXml(xml: string, handler: XmlHandler, refuse: Refuse): Promise<void> {
  const parser = new SaxesParser({ position: false });
  let depth = 0;
  parser.on('error', (error) => {
    throw refuse(`holds XML that is not well-formed (${error.message}). Save the document again`);
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (++depth > MAX_XML_DEPTH)
      throw refuse(`holds XML of more than ${MAX_XML_DEPTH} levels. Save the document again`);
    handler.open?.(localName(name), (wanted) => {
      for (const [key, value] of Object.entries(attributes as Readonly<Record<string, string>>))
        if (localName(key) === wanted) return value;
      return '';
    });
  });
  parser.on('closetag', ({ name }) => {
    depth--;
    handler.close?.(localName(name));
  });
  parser.on('text', (text) => handler.text?.(text));
  parser.on('cdata', (text) => handler.text?.(text));
  for (let from = 0; from < xml.length; from += SLICE_CHARS) {
    if (from > 0) await takeTurn();
    parser.write(xml.slice(from, from + SLICE_CHARS));
  }
  parser.close();
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
