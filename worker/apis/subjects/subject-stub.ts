/** The object of a subject. */
import type { KeptEnv } from './env.ts';
import type { SubjectObject } from './subject-object.ts';

export function subjectStub(
  { SUBJECT_KEYS }: Pick<KeptEnv, 'SUBJECT_KEYS'>,
  subject: string,
): DurableObjectStub<SubjectObject> {
  // The class that the gateway binds (worker/gateway/index.ts).
  const namespace = SUBJECT_KEYS as DurableObjectNamespace as DurableObjectNamespace<SubjectObject>;
  return namespace.getByName(subject);
}
