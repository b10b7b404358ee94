/** Where the weights of the moderation classifier lie. */
import { join } from 'node:path';
import { repoRoot } from '../lib/paths.ts';

export const WEIGHTS_PATH = join(repoRoot, 'assets/moderation/text-classifier.bin');
