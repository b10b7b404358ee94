/** What the server's models can do for this page. */
import { fetchWithKey } from '../access/key.ts';
import { readError } from './server.ts';

/** The part of a row of /v1/models that is read here. */
interface ModelRow {
  readonly id: string;
  readonly thimble: {
    readonly kind: string;
    readonly modalities: { readonly input: readonly string[]; readonly output: readonly string[] };
  };
}

export interface Abilities {
  /** Ids of the models that chat. */
  readonly chatModels: readonly string[];
  readonly hears: boolean;
  /** Whether something tells speech from silence. */
  readonly findsSpeech: boolean;
  readonly speaks: boolean;
}

/** @throws {Error} with the server's message. */
export async function listAbilities(): Promise<Abilities> {
  const response = await fetchWithKey('/v1/models');
  if (!response.ok) throw new Error(await readError(response));
  const { data } = (await response.json()) as { readonly data: readonly ModelRow[] };
  return {
    chatModels: data.filter(({ thimble }) => thimble.kind === 'decoder').map(({ id }) => id),
    hears: data.some(({ thimble }) => thimble.kind === 'speech'),
    findsSpeech: data.some(
      ({ thimble: { kind, modalities } }) =>
        kind === 'onnx' &&
        modalities.input.includes('audio') &&
        modalities.output.includes('tensor'),
    ),
    speaks: data.some(
      ({ thimble }) => thimble.kind === 'onnx' && thimble.modalities.output.includes('audio'),
    ),
  };
}
