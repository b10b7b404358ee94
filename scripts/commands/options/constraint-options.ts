/** Options that constrain a generated text to a schema, a pattern or a grammar. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EngineError } from '../../../engine/base/errors.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import { compileGbnf, compileJsonSchema, compileRegex } from '../../../engine/grammar/index.ts';
import type { Grammar } from '../../../engine/grammar/index.ts';

export interface ConstraintFlags {
  readonly jsonSchema?: string;
  readonly regex?: string;
  readonly grammar?: string;
}

export function addConstraintOptions(command: Command): Command {
  return command
    .option('--json-schema <file>', 'only JSON that this schema allows')
    .option('--regex <pattern>', 'only text that the whole pattern matches')
    .option('--grammar <file>', 'only text of this GBNF grammar');
}

/**
 * Null for free text.
 * @throws {EngineError} E_USAGE for two of them or a file that cannot be read; E_REQUEST_INVALID naming
 *   what is not supported in a schema, pattern or grammar
 */
export async function readConstraint(flags: ConstraintFlags): Promise<ConstraintRequest | null> {
  const given = [flags.jsonSchema, flags.regex, flags.grammar].filter((one) => one !== undefined);
  if (given.length > 1)
    throw new EngineError('E_USAGE', 'expected one of --json-schema, --regex and --grammar');
  if (given.length === 0) return null;
  return { grammar: await compile(flags), key: 'command line' };
}

async function compile({ jsonSchema, regex, grammar }: ConstraintFlags): Promise<Grammar> {
  if (regex !== undefined) return compileRegex(regex, '--regex');
  if (grammar !== undefined) return compileGbnf(await readText(grammar), '--grammar');
  const text = await readText(jsonSchema ?? '');
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    throw new EngineError('E_USAGE', `${jsonSchema}: is not JSON (${String(cause)})`, { cause });
  }
  return compileJsonSchema(schema, { param: '--json-schema', isClosed: true });
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `${path}: cannot be read. Name an existing file.`, {
      cause,
    });
  });
}
