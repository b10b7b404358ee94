/**
 * Other projects' WebAssembly with a bound on its steps: every iteration of a loop and every call of a function
 * takes one from a counter that is exported as `fuel`, and below zero the module traps. No input can make such
 * a module run for ever, whatever bug it finds; worker/audio/fuel.ts fills the counter.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import { OPUS_OUTPUTS } from './opus.ts';
import type { Built } from './stamp.ts';

interface FueledModule {
  readonly name: string;
  readonly source: string;
}

const packageFile = (...path: readonly string[]) => join(repoRoot, 'node_modules', ...path);

/**
 * Modules that read bytes or texts that users send. onnxruntime's module is not among them: graphs are run by
 * whoever serves them, its loops follow shapes that the importer has checked, and it has 14 MB.
 */
const MODULES: readonly FueledModule[] = [
  { name: 'mp3', source: packageFile('minimp3-wasm', 'dist', 'decoder.opt.wasm') },
  { name: 'opus', source: OPUS_OUTPUTS[1]! },
  { name: 'pico', source: packageFile('@echogarden', 'svoxpico-wasm', 'svoxpico.wasm') },
];

/** Steps a module may take before the counter can be filled; the most that is needed is 35,000 (pico's files). */
const START_STEPS = 1_000_000;

const DIR = join(distDir, 'fuel');
const outputOf = ({ name }: FueledModule) => join(DIR, `${name}.wasm`);
const INPUTS: readonly string[] = [...MODULES.map(({ source }) => source), import.meta.filename];

export async function buildFuel(): Promise<Built> {
  mkdirSync(DIR, { recursive: true });
  for (const row of MODULES)
    writeFileSync(outputOf(row), await fueledModule(row.name, readFileSync(row.source)));
  return { inputs: INPUTS, outputs: MODULES.map(outputOf) };
}

/**
 * @param wasm a module without a name `$fuel`
 * @returns the module that also exports the counter, a mutable i64, as `fuel`
 * @throws {EngineError} E_INTERNAL when a loop or a function could not be given a counter
 */
export async function fueledModule(name: string, wasm: Uint8Array): Promise<Uint8Array> {
  const { default: binaryen } = await import('binaryen');
  const { Features } = binaryen;
  const features =
    Features.MutableGlobals |
    Features.SignExt |
    Features.BulkMemory |
    Features.BulkMemoryOpt |
    Features.NontrappingFPToInt |
    Features.Multivalue |
    Features.ReferenceTypes;
  const source = binaryen.readBinaryWithFeatures(wasm, features);
  const text = source.emitText();
  source.dispose();
  const fueled = binaryen.parseText(fueledText(name, text));
  try {
    fueled.setFeatures(features);
    if (fueled.validate() !== 1) throw notFueled(name, 'the module is not valid afterwards');
    return fueled.emitBinary();
  } finally {
    fueled.dispose();
  }
}

/** One step, as an expression without a value. */
const STEP =
  '(global.set $fuel (i64.sub (global.get $fuel) (i64.const 1))) ' +
  '(if (i64.lt_s (global.get $fuel) (i64.const 0)) (then (unreachable)))';

/** As binaryen prints: each loop, function and local begins a line of its own. */
const LOOP = /^ *\(loop( \$\S+)?( \((type|result) .*\))?$/;
const FUNCTION = /^ \(func /;
const LOCAL = /^ {2}\(local /;

function fueledText(name: string, text: string): string {
  const out: string[] = [];
  let nStep = 0;
  // A function's first line is followed by its locals, and those by its first step.
  let isBeforeBody = false;
  const step = () => {
    out.push(STEP);
    nStep++;
  };
  for (const line of text.split('\n')) {
    if (isBeforeBody && !LOCAL.test(line)) {
      step();
      isBeforeBody = false;
    }
    out.push(line);
    if (FUNCTION.test(line)) isBeforeBody = true;
    else if (LOOP.test(line)) step();
  }
  const end = out.lastIndexOf(')');
  out.splice(end, 0, `(global $fuel (export "fuel") (mut i64) (i64.const ${START_STEPS}))`);
  const nPlace = text.match(/^ *\((loop|func) ?/gm)?.length ?? 0;
  if (nPlace === 0 || nStep !== nPlace)
    throw notFueled(name, `${nStep} steps in ${nPlace} loops and functions`);
  return out.join('\n');
}

function notFueled(name: string, what: string): EngineError {
  return new EngineError('E_INTERNAL', `build: fuel of ${name}: ${what}.`);
}
