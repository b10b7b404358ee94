/**
 * Other projects' WebAssembly with a bound on its steps: every iteration of a loop and every call of a function
 * takes one from a counter that is exported as `fuel`, and below zero the module traps. No input can make such
 * a module run for ever, whatever bug it finds; worker/platform/fuel.ts fills the counter.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import { OPUS_OUTPUTS } from './opus.ts';
import { addFuel } from './wasm/add-fuel.ts';
import type { Built } from './stamp.ts';

interface FueledModule {
  readonly name: string;
  readonly source: string;
}

const packageFile = (...path: readonly string[]) => join(repoRoot, 'node_modules', ...path);

/** Modules that read bytes, texts and tensors that users send. */
const MODULES: readonly FueledModule[] = [
  { name: 'mp3', source: packageFile('minimp3-wasm', 'dist', 'decoder.opt.wasm') },
  { name: 'opus', source: OPUS_OUTPUTS[1]! },
  { name: 'opus-encoder', source: packageFile('@evan', 'opus', 'wasm', 'opus.wasm') },
  { name: 'pico', source: packageFile('@echogarden', 'svoxpico-wasm', 'svoxpico.wasm') },
  { name: 'webp', source: packageFile('@jsquash', 'webp', 'codec', 'dec', 'webp_dec.wasm') },
  { name: 'ort', source: packageFile('onnxruntime-web', 'dist', 'ort-wasm-simd-threaded.wasm') },
];

/** Steps a module may take before the counter can be filled; the most that is needed is 35,000 (pico's files). */
const START_STEPS = 1_000_000;

const DIR = join(distDir, 'fuel');
const outputOf = ({ name }: FueledModule) => join(DIR, `${name}.wasm`);
const INPUTS: readonly string[] = [
  ...MODULES.map(({ source }) => source),
  ...['add-fuel', 'byte-reader', 'instructions'].map((name) =>
    join(import.meta.dirname, 'wasm', `${name}.ts`),
  ),
  import.meta.filename,
];

export function buildFuel(): Built {
  mkdirSync(DIR, { recursive: true });
  for (const row of MODULES)
    writeFileSync(outputOf(row), fueledModule(row.name, readFileSync(row.source)));
  return { inputs: INPUTS, outputs: MODULES.map(outputOf) };
}

/**
 * @returns the module that also exports the counter, a mutable i64, as `fuel`
 * @throws {EngineError} E_INTERNAL for a module whose loops or functions could not be given a counter
 */
export function fueledModule(name: string, source: Uint8Array): Uint8Array {
  const { wasm, nStep } = addFuel(source, 'fuel', START_STEPS);
  if (nStep > 0 && isModule(wasm)) return wasm;
  const what = nStep === 0 ? 'has no code' : 'is not valid afterwards';
  throw new EngineError('E_INTERNAL', `build: fuel of ${name}: the module ${what}.`);
}

/** Types of Workers, which have no such function, win over Node's. */
function isModule(wasm: Uint8Array): boolean {
  return (WebAssembly as unknown as { validate(bytes: Uint8Array): boolean }).validate(wasm);
}
