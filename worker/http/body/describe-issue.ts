/** A zod issue as a sentence: the field, what was expected, and what was sent. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

const MAX_SHOWN_CHARS = 80;

export function describeIssue(issue: Issue, body: unknown): { param: string; message: string } {
  const deepest = deepestIssue(issue);
  const param = pathText(deepest.path);
  const got = showValue(valueAt(body, deepest.path));
  const where = param === '' ? 'body' : param;
  return { param, message: `${where}: ${expectation(deepest)}, got ${got}.` };
}

/** The issue of the union's branch that matched deepest, which says the most. */
function deepestIssue(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().map((branch) => {
    const deep = deepestIssue(branch);
    return { ...deep, path: [...issue.path, ...deep.path] };
  });
  const deepest = inner.toSorted((a, b) => b.path.length - a.path.length)[0];
  return deepest !== undefined && deepest.path.length > issue.path.length ? deepest : issue;
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `expected one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_type':
      return `expected ${issue.expected === 'int' ? 'a whole number' : withArticle(issue.expected)}`;
    default:
      // Our schemas word their own messages as "expected ...".
      return issue.message;
  }
}

function unitOf(origin: string): string {
  if (origin === 'array') return ' items';
  return origin === 'string' ? ' characters' : '';
}

function withArticle(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`,
    )
    .join('');
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === Infinity || value === -Infinity) return 'a number too large to hold';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}...` : text;
}
