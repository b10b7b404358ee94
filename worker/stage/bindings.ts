/** Names of the bindings to stages. */

export type StageBinding = 'STAGE' | `STAGE_${number}`;

/** Name of the binding to the stage script of an isolate. */
export function stageBinding(isolate: number): StageBinding {
  return isolate === 0 ? 'STAGE' : `STAGE_${isolate}`;
}
