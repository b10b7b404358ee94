import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scriptConfigs, writeConfigs } from '../../../scripts/deploy/script-configs.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

test('stages come from the last to the first, the gateway at the end', () => {
  const configs = scriptConfigs({ nIsolate: 3 });
  expect(configs.map(({ scriptName }) => scriptName)).toEqual([
    ...['thimble-stage-2', 'thimble-stage-1', 'thimble-stage'],
    ...['thimble-audio', 'thimble-documents', 'thimble-onnx', 'thimble-gateway'],
  ]);
});

test('no script is bound to one that is deployed after it', () => {
  const deployed = new Set(['its own', 'thimble-models']);
  for (const { scriptName, bindings } of scriptConfigs({ nIsolate: 64 })) {
    for (const binding of bindings) expect(deployed).toContain(binding.split(' -> ')[1]);
    deployed.add(scriptName);
  }
});

test('a stage is bound to those after it, the gateway to all', () => {
  const configs = scriptConfigs({ nIsolate: 4 });
  const stagesOf = (name: string) =>
    configs
      .find(({ scriptName }) => scriptName === name)!
      .bindings.filter((binding) => binding.startsWith('STAGE'));
  const to = (n: number) => `STAGE_${n} -> thimble-stage-${n}`;
  expect(stagesOf('thimble-stage-3')).toEqual(['STAGE -> its own']);
  expect(stagesOf('thimble-stage-1')).toEqual(['STAGE -> its own', to(2), to(3)]);
  expect(stagesOf('thimble-gateway')).toEqual([...['STAGE -> thimble-stage', to(1), to(2), to(3)]]);
});

test('one isolate is what the files say, but for its paths', () => {
  const [stage] = scriptConfigs({ nIsolate: 1 });
  const text = readFileSync(join(repoRoot, 'worker/stage/wrangler.toml'), 'utf8');
  expect(stage!.toml).toBe(text.replaceAll('../../dist/stage', '../stage'));
});

test('the free plan goes without the ONNX script and the binding to it', () => {
  const configs = scriptConfigs({ nIsolate: 2, isFree: true });
  expect(configs.map(({ bundle }) => bundle)).toEqual([
    ...['stage', 'stage', 'audio', 'documents', 'gateway'],
  ]);
  expect(configs.flatMap(({ bindings }) => bindings).join()).not.toContain('onnx');
});

test('they are written under the names of their scripts', () => {
  const [last] = scriptConfigs({ nIsolate: 2 });
  const [path] = writeConfigs([last!]);
  expect(path).toBe('dist/deploy/thimble-stage-1.toml');
  expect(readFileSync(join(repoRoot, path!), 'utf8')).toContain('name = "thimble-stage-1"');
});
