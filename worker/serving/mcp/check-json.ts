/** JSON of another server: hostile input. */
import { McpFailure } from './failure.ts';

/** Arrays and objects within each other: schemas of tools have fewer. */
const MAX_DEPTH = 128;

/** @throws {McpFailure} */
export function checkJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new McpFailure('protocol', 'its answer is not JSON');
  }
  if (depthOf(value) > MAX_DEPTH) throw new McpFailure('protocol', 'its answer is nested too deep');
  return value;
}

/** Without a stack of calls; stops above MAX_DEPTH. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  let depth = 0;
  while (level.length > 0 && depth <= MAX_DEPTH) {
    depth++;
    level = level.flatMap((one) =>
      typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : [],
    );
  }
  return depth;
}
