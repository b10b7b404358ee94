/** Benches without options of their own: `thimble bench grammars` and `thimble bench onnx-memory`. */
import type { Command } from 'commander';
import { parseCount } from '../../lib/arguments.ts';
import {
  DEFAULT_IMAGE_ENCODER_ID,
  DEFAULT_MODEL_ID,
  SMALL_MODEL_ID,
} from '../../pull/catalogue.ts';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS, note, printResult } from './common.ts';

interface OtherBench {
  readonly name: string;
  readonly summary: string;
  /** The result, and the same for people. */
  readonly run: () => Promise<{ readonly result: object; readonly text: string }>;
}

const OTHERS: readonly OtherBench[] = [
  {
    name: 'grammars',
    summary: 'measure what holding output to a grammar costs a token',
    async run() {
      const { benchGrammars, describeGrammars } =
        await import('../../bench/workloads/grammar-masks.ts');
      const result = await benchGrammars(note);
      return { result, text: describeGrammars(result) };
    },
  },
  {
    name: 'onnx-memory',
    summary: "measure the memory of the ONNX script's isolate while imported models run",
    async run() {
      const { benchOnnxMemory, describeOnnxMemory } =
        await import('../../bench/workloads/onnx-memory.ts');
      const result = await benchOnnxMemory(note);
      return { result, text: describeOnnxMemory(result) };
    },
  },
];

export function registerOthers(parent: Command): void {
  registerRing(parent);
  registerFleet(parent);
  registerGuards(parent);
  registerVision(parent);
  registerTower(parent);
  registerPictures(parent);
  registerAdapters(parent);
  for (const { name, summary, run } of OTHERS) {
    const command = benchCommand(parent, name, summary, [name, `${name} --json`]);
    addJson(command).action(async ({ json }: { readonly json?: boolean }) => {
      const { result, text } = await run();
      printResult(result, text, json);
    });
  }
}

/** `thimble bench vision`: an image encoder. */
function registerVision(parent: Command): void {
  const command = benchCommand(
    parent,
    'vision',
    'measure an image encoder, in Node and in workerd',
    ['vision', 'vision --peer-graph efficientnet-lite0-int8.onnx'],
  )
    .option('-m, --model <id>', 'an image encoder', DEFAULT_IMAGE_ENCODER_ID)
    .option('--peer-graph <file>', 'an ONNX graph of the model: also onnxruntime-web');
  addJson(addRounds(command)).action(async (flags: VisionFlags) => {
    const { benchVision, describeVision } = await import('../../bench/workloads/vision.ts');
    const { model, peerGraph = null, rounds = DEFAULT_ROUNDS } = flags;
    const result = await benchVision({ model, peerGraph, rounds });
    printResult(result, describeVision(result), flags.json);
  });
}

interface VisionFlags {
  readonly model: string;
  readonly peerGraph?: string;
  readonly rounds?: number;
  readonly json?: boolean;
}

/** `thimble bench tower`: the vision tower of a model that sees. */
function registerTower(parent: Command): void {
  const command = benchCommand(
    parent,
    'tower',
    'measure the vision tower of an imported model that sees, in Node',
    ['tower -m smolvlm-tower', 'tower -m smolvlm-tower --rounds 9 --json'],
  ).requiredOption('-m, --model <id>', 'an imported vision tower');
  addJson(addRounds(command)).action(async (flags: TowerFlags) => {
    const { benchTower, describeTower } = await import('../../bench/workloads/tower.ts');
    const { model, rounds = DEFAULT_ROUNDS } = flags;
    const result = await benchTower({ model, rounds });
    printResult(result, describeTower(result), flags.json);
  });
}

interface TowerFlags {
  readonly model: string;
  readonly rounds?: number;
  readonly json?: boolean;
}

/** `thimble bench pictures`: a chat's first token after a picture. */
function registerPictures(parent: Command): void {
  const command = benchCommand(
    parent,
    'pictures',
    'measure how soon a chat answers about a picture, and another question about the same, in workerd',
    ['pictures photos/*.jpg', 'pictures photos/*.jpg -m smollm2-135m-instruct --adapter eyes'],
  )
    .argument('<files...>', 'at least two pictures, of which the first warms up')
    .option('-m, --model <id>', 'a text model', SMALL_MODEL_ID)
    .option('--adapter <folder>', 'an adapter with eyes (default: the picture in words)');
  addJson(command).action(async (files: readonly string[], flags: PicturesFlags) => {
    const { benchPictures, describePictures } = await import('../../bench/workloads/pictures.ts');
    const { model, adapter = null, json } = flags;
    const result = await benchPictures({ files, model, adapter }, note);
    printResult(result, describePictures(result), json);
  });
}

interface PicturesFlags {
  readonly model: string;
  readonly adapter?: string;
  readonly json?: boolean;
}

/** `thimble bench ring`: what a deployment of several isolates would give. */
function registerRing(parent: Command): void {
  const command = benchCommand(
    parent,
    'ring',
    'simulate a model over several isolates with a core each, from times measured here',
    ['ring', 'ring -m qwen2.5-coder-0.5b-instruct --json'],
  ).option('-m, --model <id>', `an imported text model (default: ${DEFAULT_MODEL_ID})`);
  addJson(command).action(async (flags: { readonly model?: string; readonly json?: boolean }) => {
    const { describeSimulation, simulateRing } =
      await import('../../bench/workloads/ring-simulation.ts');
    const result = await simulateRing(flags.model ?? DEFAULT_MODEL_ID, note);
    printResult(result, describeSimulation(result), flags.json);
  });
}

/** `thimble bench fleet`: a model over isolates of 128 MB beside the same in one. */
function registerFleet(parent: Command): void {
  const command = benchCommand(
    parent,
    'fleet',
    'compare a model over several isolates with the same in one: texts, first token, memory, new versions',
    ['fleet', 'fleet -m qwen2.5-coder-0.5b-instruct --json'],
  )
    .option('-m, --model <id>', `an imported text model (default: ${DEFAULT_MODEL_ID})`)
    .option('--prompts <n>', 'prompts to compare, at most 20', parseCount(1), 20);
  interface FleetFlags {
    readonly model?: string;
    readonly prompts: number;
    readonly json?: boolean;
  }
  addJson(command).action(async (flags: FleetFlags) => {
    const { benchFleet, describeFleet } = await import('../../bench/workloads/fleet.ts');
    const result = await benchFleet(flags.model ?? DEFAULT_MODEL_ID, flags.prompts, note);
    printResult(result, describeFleet(result), flags.json);
  });
}

/** `thimble bench guards`: what keys, limits, watermark and policy cost a request. */
function registerGuards(parent: Command): void {
  const command = benchCommand(
    parent,
    'guards',
    'measure what keys, limits, watermark and policy cost a warm request',
    ['guards', 'guards -m smollm2-135m-instruct --requests 500 --json'],
  )
    .option('-m, --model <id>', `an imported text model (default: ${DEFAULT_MODEL_ID})`)
    .option('--requests <n>', 'requests of one token to each server', parseCount(10), 300)
    .option('--rounds <n>', 'answers whose rate is measured, from each server', parseCount(5), 30);
  interface GuardsFlags {
    readonly model?: string;
    readonly requests: number;
    readonly rounds: number;
    readonly json?: boolean;
  }
  addJson(command).action(async ({ model, requests, rounds, json }: GuardsFlags) => {
    const { benchGuards, describeGuards } = await import('../../bench/workloads/guards.ts');
    const result = await benchGuards(model ?? DEFAULT_MODEL_ID, requests, rounds, note);
    printResult(result, describeGuards(result), json);
  });
}

const ALL_PROJECTIONS = 'qProj,kProj,vProj,oProj,gateProj,upProj,downProj';

/** `thimble bench adapters`: what adapters cost streams, and a first token. */
function registerAdapters(parent: Command): void {
  const command = benchCommand(
    parent,
    'adapters',
    'compare streams that carry different adapters with streams of the base, and an adapter from R2 with one in memory',
    ['adapters', 'adapters --projections qProj,vProj --rounds 9 --json'],
  )
    .option('-m, --model <id>', `an imported text model (default: ${SMALL_MODEL_ID})`)
    .option('--projections <names>', 'what the adapters change', ALL_PROJECTIONS)
    .option('--rounds <n>', 'pairs of measurements', parseCount(3), 7);
  interface AdaptersFlags {
    readonly model?: string;
    readonly projections: string;
    readonly rounds: number;
    readonly json?: boolean;
  }
  addJson(command).action(async ({ model, projections, rounds, json }: AdaptersFlags) => {
    const { benchAdapters, describeAdapters } = await import('../../bench/workloads/adapters.ts');
    const names = projections.split(',');
    const result = await benchAdapters(model ?? SMALL_MODEL_ID, names, rounds, note);
    printResult(result, describeAdapters(result), json);
  });
}
