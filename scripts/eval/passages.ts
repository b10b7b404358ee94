/** The texts models are measured on, as windows of token ids. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { repoRoot } from '../lib/paths.ts';

/** Prose, technical text and chats, about 2,100 tokens. */
export const PARITY_TEXTS = join(repoRoot, 'tests/golden/parity-texts.json');

export interface Passage {
  readonly text: string;
  /** Whether markers in the text stand for special tokens. */
  readonly special: boolean;
}

/** @throws {EngineError} E_USAGE naming the option and the file. */
export async function readTextFile(path: string, command: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new EngineError(
      'E_USAGE',
      `${command}: cannot read ${option} ${path}. Give a readable text file.`,
      { cause },
    );
  }
}

/** @throws {EngineError} E_USAGE for anything but a JSON list of passages. */
export function parsePassages(json: string, path: string): Passage[] {
  const fail = () =>
    new EngineError(
      'E_USAGE',
      `eval: ${path}: expected a JSON list of {"text": string, "special": boolean}`,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw fail();
  }
  if (!Array.isArray(parsed) || parsed.length === 0) throw fail();
  return parsed.map((item: unknown) => {
    const { text, special = false } = item as { text?: unknown; special?: unknown };
    if (typeof text !== 'string' || typeof special !== 'boolean') throw fail();
    return { text, special };
  });
}

/** The passages of a plain text, or the built-in ones. */
export async function loadPassages(
  textPath: string | undefined,
  command: string,
): Promise<Passage[]> {
  if (textPath !== undefined)
    return [{ text: await readTextFile(textPath, command, '--text'), special: false }];
  return parsePassages(await readTextFile(PARITY_TEXTS, command, '--text'), PARITY_TEXTS);
}

/**
 * Each passage in windows of at most `window` ids, each with the model's first token in front if it
 * has one; cut at `maxTokens` ids altogether.
 * @throws {EngineError} E_USAGE when there is nothing to predict.
 */
export function tokenWindows(
  passages: readonly Passage[],
  tokenizer: Tokenizer,
  { addBos, bosId }: DecoderManifest['tokenizer'],
  window: number,
  maxTokens: number,
): number[][] {
  const prefix = addBos && bosId !== null ? [bosId] : [];
  const step = window - prefix.length;
  const windows: number[][] = [];
  let left = maxTokens;
  for (const { text, special } of passages) {
    const tokens = tokenizer.encode(text, { special }).slice(0, left);
    left -= tokens.length;
    for (let start = 0; start < tokens.length; start += step)
      windows.push([...prefix, ...tokens.slice(start, start + step)]);
  }
  const usable = windows.filter(({ length }) => length > 1);
  if (usable.length > 0) return usable;
  throw new EngineError('E_USAGE', 'eval: the text has fewer than 2 tokens. Give a longer text.');
}
