/** Arrays of a schema: items named one by one, then any number of others, within the counts. */
import type { SchemaWriter } from './schema-writer.ts';
import { itemPlaces, leastOf, prefixLength } from './schema-facts.ts';
import type { Facts } from './schema-facts.ts';

/** Items that are named one by one. */
const MAX_PREFIX = 1000;

export function compileItems(compiler: SchemaWriter, facts: Facts): number {
  const { builder, json, budget } = compiler;
  const { itemRules, minItems, maxItems } = facts;
  budget.spend(itemRules.length);
  const named = Math.min(prefixLength(itemRules), MAX_PREFIX, maxItems ?? MAX_PREFIX);
  if (maxItems !== null && maxItems < minItems) return builder.never();
  const rest = compiler.ruleOf(itemPlaces(itemRules, prefixLength(itemRules)));
  const most = leastOf(maxItems, builder.isNever(rest) ? named : null);
  const left = most === null ? null : Math.max(0, most - named);
  const least = Math.max(0, minItems - named);
  let content =
    named === 0
      ? json.list(rest, least, left)
      : builder.repeat(builder.sequence(json.comma, rest), least, left);
  for (let index = named - 1; index >= 0; index--) {
    budget.spend(1);
    const item = compiler.ruleOf(itemPlaces(itemRules, index));
    const comma = index > 0 ? json.comma : builder.empty();
    const more = builder.sequence(comma, item, content);
    content = index >= minItems ? builder.optional(more) : more;
  }
  return builder.sequence(builder.text('['), content, builder.text(']'));
}
