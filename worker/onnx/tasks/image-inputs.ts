/** Images as the tensors that classifiers were trained on: a row per preparation. */
import { decode, encode } from 'jpeg-js';
import type { ImageInput } from '../../../engine/manifest/onnx.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import { cropCentre, resize } from '../../../engine/vision/resize.ts';
import { float32Tensor } from '../tensors.ts';
import type { OnnxTensorData } from '../tensors.ts';

const SIZE = 224;
const RESIZED = 256;
/** Pillow's default JPEG quality. */
const JPEG_QUALITY = 75;
/** Means of blue, green and red. */
const VGG_MEANS = [104, 117, 123] as const;
const IMAGENET_MEANS = [0.485, 0.456, 0.406] as const;
const IMAGENET_DEVIATIONS = [0.229, 0.224, 0.225] as const;

export const IMAGE_INPUT_ROWS: Readonly<Record<ImageInput, (picture: Picture) => OnnxTensorData>> =
  {
    'vgg-bgr-224': vggBgr,
    'imagenet-rgb-224': imagenetRgb,
  };

/**
 * Yahoo's Open NSFW (github.com/yahoo/open_nsfw, classify_nsfw.py): 256 x 256 whatever the aspect ratio,
 * re-encoded as JPEG like its training images, cropped to the centre, BGR, means subtracted.
 * [1, 224, 224, 3]
 */
function vggBgr(picture: Picture): OnnxTensorData {
  const { rgb } = cropCentre(throughJpeg(resize(picture, RESIZED, RESIZED)), SIZE);
  const data = new Float32Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3)
    for (let c = 0; c < 3; c++) data[i + c] = rgb[i + 2 - c]! - VGG_MEANS[c]!;
  return float32Tensor(data, [1, SIZE, SIZE, 3]);
}

function throughJpeg({ width, height, rgb }: Picture): Picture {
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  const { data: jpeg } = encode({ width, height, data: rgba }, JPEG_QUALITY);
  const { data } = decode(jpeg, { useTArray: true, formatAsRGBA: false });
  return { width, height, rgb: data };
}

/** torchvision's default: shorter side 256, centre crop, normalized per channel. [1, 3, 224, 224] */
function imagenetRgb(picture: Picture): OnnxTensorData {
  const scale = RESIZED / Math.min(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((side) => Math.round(side * scale));
  const { rgb } = cropCentre(resize(picture, width ?? RESIZED, height ?? RESIZED), SIZE);
  const plane = SIZE * SIZE;
  const data = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++)
      data[c * plane + i] = (rgb[3 * i + c]! / 255 - IMAGENET_MEANS[c]!) / IMAGENET_DEVIATIONS[c]!;
  return float32Tensor(data, [1, 3, SIZE, SIZE]);
}
