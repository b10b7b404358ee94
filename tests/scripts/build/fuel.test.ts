import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import binaryen from 'binaryen';
import { expect, test } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { Fuel } from '../../../worker/platform/fuel.ts';
import type { FueledExports } from '../../../worker/platform/fuel.ts';
import { fueledModule } from '../../../scripts/build/fuel.ts';
import { addFuel } from '../../../scripts/build/wasm/add-fuel.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

/** As another reader of modules counts them. */
const MODULES = {
  minimp3: 'minimp3-wasm/dist/decoder.opt.wasm',
  svoxpico: '@echogarden/svoxpico-wasm/svoxpico.wasm',
};

const TEXT = `(module
  (memory 1)
  (data (i32.const 0) "(loop $not_code")
  (func (export "count") (param $n i32) (result i32)
    (local $i i32)
    (loop $again (result i32)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n)))
      (local.get $i)))
  (func (export "forever") (loop $again (loop (br $again))))
  (func $twice (export "twice") (param $depth i32)
    (if (local.get $depth) (then
      (call $twice (i32.sub (local.get $depth) (i32.const 1)))
      (call $twice (i32.sub (local.get $depth) (i32.const 1))))))
  (func $deep (export "deep") (call $deep)))`;

interface Exports extends FueledExports {
  count(n: number): number;
  forever(): void;
  twice(depth: number): void;
  deep(): void;
}

async function exportsOf(wasm: Uint8Array): Promise<Exports> {
  // Types of Workers, which may not compile, win over Node's.
  const compiler = WebAssembly as unknown as {
    compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
  };
  const instance = await WebAssembly.instantiate(await compiler.compile(wasm), {});
  return instance.exports as unknown as Exports;
}

const broken = (what: string) => new EngineError('E_AUDIO_INVALID', what);

test('a module does what it did, and no more than the steps it is given', async () => {
  const wasm = fueledModule('test', binaryen.parseText(TEXT).emitBinary());
  const module = await exportsOf(wasm);
  const fuel = new Fuel(module, broken);
  expect(fuel.run(1001, () => module.count(1000))).toBe(1000);
  expect(fuel.left).toBe(0);
  expect(() => fuel.run(1000, () => module.count(1000))).toThrow('more than 1000 steps');
  expect(() => fuel.run(1_000_000, () => module.forever())).toThrow('more than 1000000 steps');
  expect(() => fuel.run(1_000_000, () => module.twice(60))).toThrow('more than 1000000 steps');
  expect(fuel.run(5, () => module.count(4))).toBe(4);
});

test('what a module fails with has a code; what others fail with stays', async () => {
  const wasm = fueledModule('test', binaryen.parseText(TEXT).emitBinary());
  const module = await exportsOf(wasm);
  const fuel = new Fuel(module, broken);
  expect(() => fuel.run(1e12, () => module.deep())).toThrow(EngineError);
  const abort = () => {
    // As Emscripten does.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw 'abort';
  };
  expect(() => fuel.run(10, abort)).toThrow('the decoder failed (abort)');
  const mistake = new TypeError('ours');
  const fail = () => {
    throw mistake;
  };
  expect(() => fuel.run(10, fail)).toThrow(mistake);
});

test.each(Object.entries(MODULES))('every loop and function of %s has a step', (_, path) => {
  const wasm = readFileSync(join(repoRoot, 'node_modules', path));
  const { Features } = binaryen;
  const source = binaryen.readBinaryWithFeatures(wasm, Features.All);
  const nPlace = source.emitText().match(/^ *\((loop|func) ?/gm)?.length;
  source.dispose();
  expect(addFuel(wasm, 'fuel', 1).nStep).toBe(nPlace);
});

test('a module without any code is no module to fuel', () => {
  const empty = binaryen.parseText('(module (memory 1))').emitBinary();
  expect(() => fueledModule('empty', empty)).toThrow(
    'build: fuel of empty: the module has no code',
  );
});
