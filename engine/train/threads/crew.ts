/**
 * Threads that run the phases of a program together over one memory. All wait for each other after each phase; between
 * commands the others sleep until the first thread begins one.
 */
import type { Phase, ThreadContext } from '../phase.ts';
import { COMMANDS, type Command, type Program } from '../program.ts';

/** Words of the control block. */
const GENERATION = 0;
const ARRIVED = 1;
const COMMAND = 2;
const FAILED = 3;
export const CONTROL_BYTES = 64;

const STOP = COMMANDS.length;
/**
 * Looks at the barrier before it sleeps, some tenths of a millisecond: most phases end sooner after each other than a
 * sleeper wakes up (a step of 2,048 rows has 500 phases; with 500,000 looks 5 and 16 % more rows a second than with 2,000).
 */
const SPINS = 100_000;

export class Crew {
  readonly #control: Int32Array;
  readonly #program: Program;
  readonly #context: ThreadContext;

  constructor(control: SharedArrayBuffer, program: Program, context: ThreadContext) {
    this.#control = new Int32Array(control);
    this.#program = program;
    this.#context = context;
  }

  /** Of the first thread: all run a command. @throws {Error} what failed in this thread, or that another did */
  run(command: Command): void {
    Atomics.store(this.#control, COMMAND, COMMANDS.indexOf(command));
    this.#wait();
    this.#runPhases(this.#program.phases[command]);
    if (Atomics.exchange(this.#control, FAILED, 0) !== 0)
      throw new Error(`training: a thread failed in "${command}"`);
  }

  /** Of the first thread: the others end. */
  stop(): void {
    Atomics.store(this.#control, COMMAND, STOP);
    this.#wait();
  }

  /** Of the others: runs what the first thread says, until it stops. */
  follow(): void {
    for (;;) {
      this.#wait();
      const command = COMMANDS[Atomics.load(this.#control, COMMAND)];
      if (command === undefined) return;
      this.#runPhases(this.#program.phases[command]);
    }
  }

  #runPhases(phases: readonly Phase[]): void {
    for (const phase of phases) {
      try {
        phase(this.#context);
      } catch {
        // The others would wait for ever.
        Atomics.store(this.#control, FAILED, 1);
      }
      this.#wait();
    }
  }

  /** Until all threads are here. */
  #wait(): void {
    const { nThread } = this.#context;
    if (nThread === 1) return;
    const control = this.#control;
    const generation = Atomics.load(control, GENERATION);
    if (Atomics.add(control, ARRIVED, 1) === nThread - 1) {
      Atomics.store(control, ARRIVED, 0);
      Atomics.add(control, GENERATION, 1);
      Atomics.notify(control, GENERATION);
      return;
    }
    for (let i = 0; i < SPINS; i++) if (Atomics.load(control, GENERATION) !== generation) return;
    while (Atomics.load(control, GENERATION) === generation)
      Atomics.wait(control, GENERATION, generation);
  }
}
