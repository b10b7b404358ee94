/** A thread's place in a crew: what it needs to build its program. */
import { instantiateTraining } from '../../engine/kernels/wasm/training-module.ts';
import type { TrainingKernels } from '../../engine/kernels/wasm/training-module.ts';
import { buildProgram, type Program, type ProgramConfig } from '../../engine/train/program.ts';
import { viewsOf } from '../../engine/train/views.ts';
import { Crew } from '../../engine/train/threads/crew.ts';

/** Structured-cloneable. */
export interface CrewSeat<C extends ProgramConfig = ProgramConfig> {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly config: C;
  readonly index: number;
}

export interface Seated<C extends ProgramConfig> {
  readonly crew: Crew;
  readonly program: Program<C>;
  readonly kernels: TrainingKernels;
}

export async function joinCrew<C extends ProgramConfig>(seat: CrewSeat<C>): Promise<Seated<C>> {
  const { module, memory, control, config, index } = seat;
  const kernels = await instantiateTraining(module, memory);
  const program = buildProgram(config, kernels, viewsOf(memory));
  const { nThread } = config;
  const crew = new Crew(control, program, { kernels, index, nThread, ...program.rooms[index]! });
  return { crew, program, kernels };
}
