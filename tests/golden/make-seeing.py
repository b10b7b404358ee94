#!/usr/bin/env python3
"""Writes seeing.json: what transformers makes of the tests' tiny models that see. For each picture the prompt's ids, the
prepared pixels, the tower's rows, the connector's, and the text model's logits. The folders come from make-seeing.ts.
Pillow from 13 on chooses which side it resizes first, which moves some bytes by one: this one begins with the width.

    node tests/golden/make-seeing.ts FOLDER
    pip install torch==2.15.0 transformers==5.24.0 pillow==12.1.1 && python3 tests/golden/make-seeing.py FOLDER
"""
import base64
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import (
    Idefics3ForConditionalGeneration,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

SIZES = [(45, 31), (20, 60), (16, 16), (33, 32)]
ASK = "What is that?"


def picture(width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    values = (x * 7 + y * 13 + c * 29 + ((x * y) % 31) * 5) & 255
    return Image.fromarray(values.astype(np.uint8))


def packed(values):
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def load(kind, folder):
    model, info = kind.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
    )
    # The last layer and its norm are in the file, and in the model.
    if info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"]:
        raise SystemExit(info)
    return model.eval()


def tokenizer_of(folder):
    return PreTrainedTokenizerFast(
        tokenizer_file=f"{folder}/tokenizer.json",
        eos_token="<end_of_utterance>",
        pad_token="<end_of_utterance>",
    )


def facts(ids, pixels, tower, rows, logits):
    return {
        "ids": ids,
        "pixels": packed(pixels),
        "tower": packed(tower),
        "rows": packed(rows),
        "last": packed(logits[-1]),
        "likeliest": logits.argmax(-1).tolist(),
    }


def idefics3(folder, width, height):
    model = load(Idefics3ForConditionalGeneration, folder)
    template = json.loads(Path(folder, "chat_template.json").read_text())["chat_template"]
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil.from_pretrained(folder),
        tokenizer_of(folder),
        image_seq_len=4,
        chat_template=template,
    )
    content = [{"type": "image"}, {"type": "text", "text": ASK}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    inputs = processor(text=text, images=[picture(width, height)], return_tensors="pt")
    with torch.no_grad():
        seen = model.model.get_image_features(
            inputs["pixel_values"], inputs["pixel_attention_mask"]
        )
        logits = model(**inputs).logits[0]
    return facts(
        inputs["input_ids"][0].tolist(),
        inputs["pixel_values"][0],
        seen.last_hidden_state,
        torch.cat(list(seen.pooler_output)),
        logits,
    )


def llava(folder, width, height):
    model = load(LlavaForConditionalGeneration, folder)
    config = model.config
    processor = LlavaImageProcessorPil.from_pretrained(folder)
    pixels = processor(picture(width, height), return_tensors="pt")["pixel_values"]
    text = f"USER: {'<image>' * config.image_seq_length}{ASK}\nASSISTANT:"
    ids = tokenizer_of(folder)(text, return_tensors="pt")["input_ids"]
    layer, strategy = config.vision_feature_layer, config.vision_feature_select_strategy
    with torch.no_grad():
        hidden = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[layer]
        seen = model.model.get_image_features(
            pixels, vision_feature_layer=layer, vision_feature_select_strategy=strategy
        )
        logits = model(input_ids=ids, pixel_values=pixels).logits[0]
    rows = torch.cat(list(seen.pooler_output))
    return facts(ids[0].tolist(), pixels, hidden, rows, logits)


root = Path(sys.argv[1])
out = {"source": f"transformers {version('transformers')}", "ask": ASK, "models": {}}
for name, make, sizes in (
    ("idefics3", idefics3, SIZES),
    ("llava", llava, SIZES[:3]),
    ("padded", llava, SIZES[:2]),
    ("siglip", llava, SIZES[:2]),
):
    out["models"][name] = [{"width": w, "height": h, **make(str(root / name), w, h)} for w, h in sizes]
Path(__file__).with_name("seeing.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
