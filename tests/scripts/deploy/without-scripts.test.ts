import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { withoutBindings } from '../../../scripts/deploy/without-scripts.ts';

test('only the binding to the absent script goes', () => {
  const toml = readFileSync(join(repoRoot, 'wrangler.toml'), 'utf8');
  const without = withoutBindings(toml, ['thimble-onnx']);
  expect(toml).toContain('script_name = "thimble-onnx"');
  expect(without).not.toContain('thimble-onnx');
  expect(without).toContain('script_name = "thimble-stage"');
  expect(toml.length - without.length).toBeLessThan(150);
  expect(withoutBindings(toml, [])).toBe(toml);
});
