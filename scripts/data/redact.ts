/** Rows whose personal data is replaced by placeholders, by the kit's redaction; what they stand for is not kept. */
import { EngineError } from '../../engine/base/errors.ts';
import type { RedactionKind } from '../../worker/serving/redaction/kinds.ts';
import { MAX_REDACTED, Redactor } from '../../worker/serving/redaction/redactor.ts';
import type { Operation } from './rewrite.ts';
import { mediaField, PROVENANCE } from './row.ts';
import type { Fields } from './row.ts';

/** Fields about a row, not of it. */
const UNTOUCHED: ReadonlySet<string> = new Set([
  ...[PROVENANCE, 'licence', 'license', 'licence_hint', 'license_hint', 'credit', 'split'],
]);

export function redactOperation(kinds: readonly RedactionKind[]): Operation {
  const counts = new Map<RedactionKind, number>();
  let nChanged = 0;
  return {
    decide: async (row, _number, problems) => {
      const redactor = new Redactor(kinds);
      try {
        const fields = await redactFields(row.fields, redactor);
        if (redactor.counts.size > 0) nChanged++;
        for (const [kind, n] of redactor.counts) counts.set(kind, (counts.get(kind) ?? 0) + n);
        return { fields };
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'E_REQUEST_INVALID') throw error;
        const { file, line } = row;
        problems.add({
          ...{ file, line, field: null, value: undefined },
          problem: `has more than ${MAX_REDACTED} different values to redact`,
          fix: 'Cut the row into several.',
        });
        return { dropped: 'too many values to redact' };
      }
    },
    sections: () => [
      {
        title: 'Replaced',
        note: `${nChanged} rows were changed; numbers of placeholders begin anew in each row`,
        head: ['kind', 'values'],
        rows: kinds.map((kind) => [kind, String(counts.get(kind) ?? 0)]),
        numbers: [1],
      },
    ],
  };
}

/** Every text of a row but names of files, licences and where it came from: the same value has one placeholder in all. */
async function redactFields(fields: Fields, redactor: Redactor): Promise<Fields> {
  const media = mediaField(fields)?.[0];
  const redacted: [string, unknown][] = [];
  for (const [name, value] of Object.entries(fields))
    redacted.push([
      name,
      UNTOUCHED.has(name) || name === media ? value : await redactValue(value, redactor),
    ]);
  return Object.fromEntries(redacted);
}

async function redactValue(value: unknown, redactor: Redactor): Promise<unknown> {
  if (typeof value === 'string') return await redactor.redact(value);
  if (Array.isArray(value)) {
    const parts: unknown[] = [];
    for (const part of value) parts.push(await redactValue(part, redactor));
    return parts;
  }
  if (typeof value !== 'object' || value === null) return value;
  const parts: [string, unknown][] = [];
  for (const [name, part] of Object.entries(value))
    parts.push([name, await redactValue(part, redactor)]);
  return Object.fromEntries(parts);
}
