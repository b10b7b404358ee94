/** All describers, in the order of their words. */
import { colourDescriber } from './describe-colours.ts';
import { labelDescriber } from './describe-labels.ts';
import { textDescriber } from './describe-text.ts';
import type { Describer } from './describer.ts';

export const DESCRIBERS: readonly Describer[] = [textDescriber, labelDescriber, colourDescriber];
