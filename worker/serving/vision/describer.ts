/** What turns a picture into words: each describer says one kind of thing about it. */
import type { Picture } from '../../../engine/vision/picture.ts';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import type { Caller } from '../../platform/caller.ts';
import type { ServingEnv } from '../env.ts';

export interface DescriberContext {
  readonly env: ServingEnv;
  readonly caller: Caller;
  /** Id of its model; '' where it needs none. */
  readonly modelId: string;
}

export interface PictureWords {
  /** What a model reads. */
  readonly lines: readonly string[];
  /** The same as data, for the details of an answer. */
  readonly data: Readonly<Partial<PictureFacts>>;
}

/** Everything that describers say. Boxes are in pixels of the file: left, top, right, bottom. */
export interface PictureFacts {
  readonly text: readonly {
    readonly text: string;
    readonly score: number;
    readonly box: readonly number[];
  }[];
  readonly colours: readonly { readonly name: string; readonly share: number }[];
  readonly labels: readonly { readonly label: string; readonly score: number }[];
}

export interface Describer {
  /** As in the details of an answer. */
  readonly name: string;
  /** The model that it needs; null for none. */
  readonly model: {
    readonly kind: 'onnx' | 'vision';
    readonly id: (env: ServingEnv) => string;
  } | null;
  readonly describe: (
    context: DescriberContext,
    picture: Picture,
    file: ReadPicture,
  ) => PictureWords | Promise<PictureWords>;
}
