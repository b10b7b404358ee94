/** Asks the ONNX script; its errors are errors here, too. */
import { EngineError, errorFromRecord, errorToRecord } from '../../../engine/base/errors.ts';
import type { OnnxAnswer, OnnxObject } from '../../onnx/index.ts';
import type { ServingEnv } from '../env.ts';

type Stub = DurableObjectStub<OnnxObject>;

/** @throws {EngineError} what the script reports; E_BACKEND_UNAVAILABLE when it does not answer. */
export async function askOnnx<T>(
  env: Pick<ServingEnv, 'ONNX'>,
  modelId: string,
  call: (stub: Stub) => Promise<unknown>,
  /** The request's field that pictures came from. */
  imageField = 'image',
): Promise<T> {
  const answer = (await reachScript('onnx', () => call(onnxStub(env, modelId)))) as OnnxAnswer<T>;
  if ('ok' in answer) return answer.ok;
  const { error } = answer;
  throw errorFromRecord(error.code === 'E_IMAGE_INVALID' ? { ...error, param: imageField } : error);
}

/** @throws {EngineError} E_BACKEND_UNAVAILABLE where the script was not deployed. */
export function onnxStub({ ONNX }: Pick<ServingEnv, 'ONNX'>, modelId: string): Stub {
  if (ONNX !== undefined) return ONNX.getByName(modelId);
  throw new EngineError(
    'E_BACKEND_UNAVAILABLE',
    'onnx: this server was deployed without its ONNX script, which the free plan has no room for. Deploy it on the paid plan.',
  );
}

/** @throws {EngineError} E_BACKEND_UNAVAILABLE when the script does not answer. */
export async function reachScript<T>(script: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    const { message } = errorToRecord(cause);
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `${script}: did not answer (${message}). Try again.`,
      {
        cause,
      },
    );
  }
}
