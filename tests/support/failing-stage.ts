/**
 * The stage script with isolates that fail: every few calls a stage loses what its pages hold, as after a
 * restart, and the object is reset in the middle of the call. Which call is decided by a count, not by chance.
 */
import { Stage as RealStage } from '../../worker/stage/index.ts';
import type { HostEnv } from '../../worker/stage/engines.ts';
import type { ModelPlace } from '../../worker/stage/model-place.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';

interface FailingEnv extends HostEnv {
  /** Passes through layers between two failures of a stage that another leads; 0 for none. */
  readonly PIECE_FAILS_AFTER: string;
  /** Reads of a generation's stream between two failures of a leader; 0 for none. */
  readonly LEADER_FAILS_AFTER: string;
}

/** Counts of this isolate: they outlive the objects that are reset. */
let nPass = 0;
let nRead = 0;

export class Stage extends RealStage {
  readonly #env: FailingEnv;

  constructor(ctx: DurableObjectState, env: FailingEnv) {
    super(ctx, env);
    this.#env = env;
  }

  override async runLayers(
    ...call: Parameters<RealStage['runLayers']>
  ): ReturnType<RealStage['runLayers']> {
    const every = Number(this.#env.PIECE_FAILS_AFTER);
    if (every > 0 && ++nPass % every === 0) this.#fail();
    return await super.runLayers(...call);
  }

  override generate(
    call: Parameters<RealStage['generate']>[0],
    model: ModelPlace,
    request: GenerateRequest,
    vocabulary: Parameters<RealStage['generate']>[3] = null,
  ): ReadableStream<Uint8Array> {
    const stream = super.generate(call, model, request, vocabulary);
    const every = Number(this.#env.LEADER_FAILS_AFTER);
    if (every === 0) return stream;
    const fail = (): void => {
      console.log('a leader fails');
      this.ctx.abort('a leader fails');
    };
    const through = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (++nRead % every === 0) fail();
        controller.enqueue(chunk);
      },
    });
    return stream.pipeThrough(through);
  }

  /** What the pages hold is void, and the object is reset. */
  #fail(): void {
    console.log('a stage fails');
    this.ctx.abort('a stage fails');
  }
}

export { default } from '../../worker/stage/index.ts';
