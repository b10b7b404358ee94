/** Calls the ONNX script; its errors are thrown here. */
import type { CallContext } from '../../platform/failure.ts';
import { EngineError, errorFromRecord, errorToRecord } from '../../../engine/base/errors.ts';
import { ask } from '../../platform/rpc.ts';
import type { OnnxObject } from '../../onnx/index.ts';
import type { ServingEnv } from '../env.ts';

type Stub = DurableObjectStub<OnnxObject>;

/** @throws {EngineError} errors of the script; E_BACKEND_UNAVAILABLE when it does not answer. */
export async function askOnnx<T>(
  env: Pick<ServingEnv, 'ONNX'>,
  { requestId }: CallContext,
  modelId: string,
  use: (stub: Stub, call: CallContext) => Promise<unknown>,
  /** Field of the request that held the image. */
  imageField = 'image',
): Promise<T> {
  try {
    return await ask<T>('onnx', () => use(onnxStub(env, modelId), { requestId }));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'E_IMAGE_INVALID') throw error;
    throw errorFromRecord({ ...errorToRecord(error), param: imageField });
  }
}

/** @throws {EngineError} E_BACKEND_UNAVAILABLE where the script was not deployed. */
export function onnxStub({ ONNX }: Pick<ServingEnv, 'ONNX'>, modelId: string): Stub {
  if (ONNX !== undefined) return ONNX.getByName(modelId);
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    'onnx: this server was deployed without its ONNX script, which is too large for the free plan. Deploy it on the paid plan.',
  );
}
