/**
 * What the pages keep over a reload: in this browser, and with a key in this tab only, since what was asked with
 * a key is for its holder and not for who uses the browser next.
 */
import { hasKey } from './key.ts';

const PREFIX = 'thimble-';

/** The value, or null when there is none, it cannot be read, or the browser keeps nothing. */
export function readKept(name: string): unknown {
  try {
    return JSON.parse(store().getItem(PREFIX + name) ?? 'null') as unknown;
  } catch {
    return null;
  }
}

/** Keeps a value of JSON; null removes it. Where the browser keeps nothing the page works without. */
export function keep(name: string, value: unknown): void {
  try {
    if (value === null) store().removeItem(PREFIX + name);
    else store().setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Storage is full or switched off: nothing to be done about it here.
  }
}

function store(): Storage {
  return hasKey() ? sessionStorage : localStorage;
}
