"""Writes tests/vision/fixtures: small pictures of every kind, and what Pillow decodes them to.

    pip install pillow==13.0.0 && python tests/golden/make-pictures.py

pictures.json has, for each file, its size and the pixels that Pillow gives, on white, turned as EXIF says
(base64 of [height, width, 3]).
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

FOLDER = Path(__file__).parent.parent / 'vision' / 'fixtures'
WIDTH, HEIGHT = 45, 29


def picture(shift=0):
    image = Image.new('RGB', (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            image.putpixel((x, y), ((x * 5 + shift) % 256, (y * 8) % 256, ((x + y) * 3) % 256))
    ImageDraw.Draw(image).ellipse((24, 6, 40, 22), fill=(230, 40, 60))
    return image


def see_through():
    image = picture().convert('RGBA')
    for y in range(HEIGHT):
        for x in range(WIDTH):
            r, g, b, _ = image.getpixel((x, y))
            image.putpixel((x, y), (r, g, b, min(255, x * 6)))
    return image


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, 'JPEG', **{'quality': 90, **options})
    return out.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[1] = 'N'
    return jpeg(picture(), subsampling=0, exif=exif)


def ycck():
    """A file of inks whose colours are stored as luma and chroma: a CMYK file of YCbCr's values says so."""
    stored = picture().convert('YCbCr')
    black = Image.new('L', stored.size, 200)
    data = jpeg(Image.merge('CMYK', (*[ImageOps.invert(band) for band in stored.split()], ImageOps.invert(black))))
    at = data.index(b'Adobe')
    return data[: at + 11] + b'\2' + data[at + 12 :]


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def interlaced(image):
    """Pillow writes none: the seven passes of Adam7, without filters."""
    rows = b''
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, HEIGHT, dy):
            row = b''.join(bytes(image.getpixel((x, y))) for x in range(x0, WIDTH, dx))
            rows += b'\0' + row if row else b''
    header = struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def deep():
    """16 bits a sample of three colours, which Pillow writes of grey alone."""
    rows = b''
    image = picture()
    for y in range(HEIGHT):
        rows += b'\0' + b''.join(struct.pack('>HHH', *(v * 257 for v in image.getpixel((x, y)))) for x in range(WIDTH))
    header = struct.pack('>IIBBBBB', WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def files():
    grey, image = picture().convert('L'), picture()
    palette = image.quantize(13)
    frames = [picture(60), picture(120)]
    yield 'full.jpg', jpeg(image, subsampling=0)
    yield 'across.jpg', jpeg(image, subsampling=1)
    yield 'both.jpg', jpeg(image, subsampling=2)
    yield 'grey.jpg', jpeg(grey)
    yield 'rgb.jpg', jpeg(image, keep_rgb=True)
    yield 'cmyk.jpg', jpeg(image.convert('CMYK'))
    yield 'ycck.jpg', ycck()
    yield 'progressive.jpg', jpeg(image, progressive=True, subsampling=0)
    yield 'progressive-both.jpg', jpeg(image, progressive=True, subsampling=2, quality=75)
    yield 'progressive-grey.jpg', jpeg(grey, progressive=True)
    yield 'restarts.jpg', jpeg(image, restart_marker_blocks=2, subsampling=0)
    yield 'coarse.jpg', jpeg(image, quality=10, optimize=True)
    for orientation in range(2, 9):
        yield f'turned-{orientation}.jpg', turned(orientation)
    yield 'rgb.png', saved(image, 'PNG')
    yield 'alpha.png', saved(see_through(), 'PNG')
    yield 'grey.png', saved(grey, 'PNG')
    yield 'grey-alpha.png', saved(see_through().convert('LA'), 'PNG')
    yield 'bits.png', saved(grey.convert('1'), 'PNG')
    yield 'palette.png', saved(palette, 'PNG')
    yield 'palette-clear.png', saved(palette, 'PNG', transparency=3)
    yield 'clear-colour.png', saved(image, 'PNG', transparency=(230, 40, 60))
    yield 'interlaced.png', interlaced(image)
    yield 'deep.png', deep()
    yield 'animated.png', saved(image, 'PNG', save_all=True, append_images=frames)
    yield 'still.gif', saved(palette, 'GIF', interlace=0)
    yield 'interlaced.gif', saved(palette, 'GIF', interlace=1)
    yield 'animated.gif', saved(palette, 'GIF', save_all=True, append_images=frames, loop=0)
    yield 'clear.gif', saved(palette, 'GIF', transparency=3)
    yield 'lossy.webp', saved(image, 'WEBP', quality=80)
    yield 'lossless.webp', saved(image, 'WEBP', lossless=True)
    yield 'alpha.webp', saved(see_through(), 'WEBP', quality=80)
    yield 'animated.webp', saved(image, 'WEBP', save_all=True, append_images=frames)


def decoded(data):
    image = Image.open(io.BytesIO(data))
    image.seek(0)
    image = ImageOps.exif_transpose(image)
    if image.mode in ('LA', 'PA', 'RGBA') or 'transparency' in image.info:
        image = image.convert('RGBA')
        white = Image.new('RGBA', image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert('RGB')


FOLDER.mkdir(parents=True, exist_ok=True)
golden = {}
for name, data in files():
    (FOLDER / name).write_bytes(data)
    image = decoded(data)
    pixels = base64.b64encode(image.tobytes()).decode()
    golden[name] = {'width': image.width, 'height': image.height, 'rgb': pixels}
(FOLDER / 'pictures.json').write_text(json.dumps(golden, indent=2) + '\n')
