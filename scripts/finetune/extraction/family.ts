/** A family of texts and schemas: what its texts may say, and what schemas may ask for. */
import type { ValueKind } from './values.ts';

export interface Field {
  /** Names that schemas and forms give it, in words. */
  readonly names: readonly string[];
  readonly kind: ValueKind;
  /** Sentences with `{}` in the place of its value; of yes and no, those that say yes. */
  readonly says: readonly string[];
  /** Of yes and no, sentences that say no. */
  readonly saysNo: readonly string[];
}

export interface Family {
  readonly name: string;
  readonly openings: readonly string[];
  readonly fields: readonly Field[];
}

/** A field of lists that are divided by bars. */
export function field(names: string, kind: ValueKind, says: string, saysNo = ''): Field {
  return {
    ...{ names: names.split('|'), kind, says: says.split('|') },
    saysNo: saysNo === '' ? [] : saysNo.split('|'),
  };
}

export function family(name: string, openings: string, fields: readonly Field[]): Family {
  return { name, openings: openings.split('|'), fields };
}
