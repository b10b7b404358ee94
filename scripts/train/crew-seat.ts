/** A thread's place in a crew: what it needs to build its program. */
import { instantiateTraining } from '../../engine/kernels/wasm/training-module.ts';
import type { TrainingKernels } from '../../engine/kernels/wasm/training-module.ts';
import { buildProgram, type Program, type ProgramConfig } from '../../engine/train/program.ts';
import { Crew } from '../../engine/train/threads/crew.ts';

/** Structured-cloneable. */
export interface CrewSeat {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly config: ProgramConfig;
  readonly index: number;
}

export interface Seated {
  readonly crew: Crew;
  readonly program: Program;
  readonly kernels: TrainingKernels;
}

export async function joinCrew(seat: CrewSeat): Promise<Seated> {
  const { module, memory, control, config, index } = seat;
  const kernels = await instantiateTraining(module, memory);
  const doubles = new Float64Array(memory.buffer);
  const program = buildProgram(config, kernels, () => doubles);
  const { nThread } = config;
  const crew = new Crew(control, program, { kernels, index, nThread, ...program.rooms[index]! });
  return { crew, program, kernels };
}
