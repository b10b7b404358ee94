/** Shape and numbers of an image encoder of inverted residual blocks (MobileNetV2, arXiv 1801.04381). */
import { z } from 'zod';

const MAX_CHANNELS = 16_384;
const MAX_BLOCKS = 256;
const MAX_CLASSES = 32_768;
const MAX_LABEL_CHARS = 200;
/** Widths that kernels read in whole groups. */
const CHANNEL_STEP = 8;

const channels = z.number().int().positive().max(MAX_CHANNELS).multipleOf(CHANNEL_STEP);
const byChannel = z.tuple([z.number(), z.number(), z.number()]);

export const visionConfigSchema = z.object({
  /** Sides of the square picture that goes in, in pixels. */
  side: z.number().int().min(32).max(1024),
  /** A value that goes in is (byte - mean) / deviation, by channel: red, green, blue. */
  mean: byChannel,
  deviation: byChannel,
  /** Channels after the first convolution, which halves the sides. */
  nStem: channels,
  blocks: z
    .array(
      z.object({
        /** Channels between the two products; those of the input where nothing expands them. */
        nWide: channels,
        isExpanded: z.boolean(),
        nOut: channels,
        /** Sides of the depthwise convolution. */
        kernel: z.union([z.literal(3), z.literal(5), z.literal(7)]),
        stride: z.union([z.literal(1), z.literal(2)]),
      }),
    )
    .min(1)
    .max(MAX_BLOCKS),
  /** Channels of the last map. */
  nFeature: channels,
  /** What the model was trained to tell apart, in the order of its scores. */
  labels: z.array(z.string().min(1).max(MAX_LABEL_CHARS)).min(1).max(MAX_CLASSES),
});

export type VisionConfig = z.output<typeof visionConfigSchema>;
export type VisionBlock = VisionConfig['blocks'][number];

/** How numbers of a config contradict each other, or null. */
export function visionContradiction({ blocks, deviation, nStem }: VisionConfig): string | null {
  if (deviation.some((value) => !(value > 0))) return `deviation ${deviation.join(', ')}`;
  const wrong = blocks.findIndex(
    ({ isExpanded, nWide }, i) => !isExpanded && nWide !== (blocks[i - 1]?.nOut ?? nStem),
  );
  return wrong < 0 ? null : `block ${wrong} widens its channels without a product`;
}
