/** Where a model lies, as whoever calls a stage says it. Plain data: it travels with every call. */
import type { AdapterFile, EyesFile } from '../platform/adapter-files.ts';
import type { PlacedPiece } from '../../engine/manifest/placement.ts';

export interface ModelPlace {
  readonly id: string;
  /** The model's version; null for whichever is stored. */
  readonly version: string | null;
  /** Tokens of context it was placed with; null for the stage's own choice. */
  readonly nCtx: number | null;
  /** Pieces of a text model over several stages, the leader's first; null for a model that is whole in one. */
  readonly pieces: readonly PlacedPiece[] | null;
  /** Number of its copy, of models that are placed several times. */
  readonly replica: number;
  /** Whether stages compute at the same time, each on a core of its own. */
  readonly overlap: boolean;
  /** Whether a model over several stages has adapters, for which its pieces then leave room. */
  readonly hasAdapters?: boolean;
  /** The adapter that a call asks for. */
  readonly adapter?: AdapterFile;
  /** Of an image encoder, the eyes that a call asks for. */
  readonly eyes?: EyesFile;
}

/** An image encoder with the eyes that see through it. */
export interface EyesPlace extends ModelPlace {
  readonly eyes: EyesFile;
}

/** A piece of a model over several stages. */
export interface PiecePlace extends ModelPlace {
  /** Index among `pieces`. */
  readonly piece: number;
}

/** Name of the object that leads a model, and of those that hold its pieces; not of any user's making. */
export function placeName({ id, version, replica }: ModelPlace, piece = 0): string {
  return `${id}@${version ?? ''}/${replica}/${piece}`;
}
