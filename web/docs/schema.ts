/** Schemas as text: their type, their bounds. Pure. */
import type { OpenApiDocument, Schema } from './openapi.ts';

/** The schema a reference stands for. */
export function follow(document: OpenApiDocument, schema: Schema | undefined): Schema {
  const name = referenceOf(schema);
  if (name === undefined) return schema ?? {};
  return follow(document, document.components.schemas[name]);
}

/** `string | null`, `Message[]`, `"auto" | "none"`. */
export function typeOf(schema: Schema): string {
  const name = referenceOf(schema);
  if (name !== undefined) return name;
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return [...new Set(options.map(typeOf))].join(' | ');
  if (schema.type === 'array') return `${typeOf(schema.items ?? {})}[]`;
  return [schema.type ?? 'any'].flat().join(' | ');
}

/** `≥ 0, ≤ 2, default 1`; empty when nothing is bounded. */
export function boundsOf(schema: Schema): string {
  const parts: string[] = [];
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  // Every whole number has these: they say nothing.
  if (low !== undefined && low !== -Number.MAX_SAFE_INTEGER)
    parts.push(`${schema.minimum === undefined ? '>' : '≥'} ${low}`);
  if (high !== undefined && high !== Number.MAX_SAFE_INTEGER)
    parts.push(`${schema.maximum === undefined ? '<' : '≤'} ${high}`);
  if (schema.default !== undefined) parts.push(`default ${JSON.stringify(schema.default)}`);
  return parts.join(', ');
}

function referenceOf(schema: Schema | undefined): string | undefined {
  return schema?.$ref?.split('/').at(-1);
}
