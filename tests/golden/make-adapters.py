"""Adapters that PEFT and gguf-py write, and what torch says of them: tests/golden/adapters/.

    python -m venv venv && venv/bin/pip install torch peft transformers safetensors gguf
    venv/bin/python tests/golden/make-adapters.py

A random Llama of 2 layers, and on it: a LoRA of all projections, one of two projections with a rank and an alpha of
their own (rank-stabilised), and an activated LoRA. The same LoRA as GGUF, with the rows of queries and keys as
llama.cpp's convert_lora_to_gguf.py moves them.
"""

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = Path(__file__).parent / "adapters"
N_HEAD, N_KV_HEAD = 4, 2
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TOKENS = [1, 17, 93, 5, 200, 44, 71, 8, 120, 33, 9, 250, 3, 61, 14, 99]
INVOCATION = [44, 71]


def base_model():
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=N_HEAD,
        num_key_value_heads=N_KV_HEAD,
        max_position_embeddings=128,
        rope_theta=10000.0,
        tie_word_embeddings=False,
        initializer_range=0.2,
    )
    return LlamaForCausalLM(config).eval()


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].double()


ADAPTERS = {
    "all": dict(r=4, lora_alpha=12, target_modules=PROJECTIONS),
    "patterns": dict(
        r=4,
        lora_alpha=6,
        use_rslora=True,
        target_modules=["q_proj", "down_proj"],
        rank_pattern={"layers.1.mlp.down_proj": 2},
        alpha_pattern={"layers.0.self_attn.q_proj": 9},
    ),
    "activated": dict(
        r=8, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj"], alora_invocation_tokens=INVOCATION
    ),
}


def permute(b, n_head):
    """As LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py."""
    return b.reshape(n_head, 2, b.shape[0] // n_head // 2, b.shape[1]).swapaxes(1, 2).reshape(b.shape)


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(folder, path):
    config = json.loads((folder / "adapter_config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    if config.get("alora_invocation_tokens"):
        writer.add_array("adapter.alora.invocation_tokens", config["alora_invocation_tokens"])
    for name, values in load_file(folder / "adapter_model.safetensors").items():
        _, _, _, _, layer, block, module, half, _ = name.split(".")
        array = values.numpy()
        if half == "lora_B" and module in ("q_proj", "k_proj"):
            array = permute(array, N_HEAD if module == "q_proj" else N_KV_HEAD)
        suffix = "lora_a" if half == "lora_A" else "lora_b"
        writer.add_tensor(f"blk.{layer}.{GGUF_NAMES[f'{block}.{module}']}.weight.{suffix}", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    base = base_model()
    base.to(torch.bfloat16).save_pretrained(OUT / "base")
    base = LlamaForCausalLM.from_pretrained(OUT / "base", dtype=torch.float32).eval()
    answers = {"tokens": TOKENS, "invocation": INVOCATION, "logits": {"base": logits(base).tolist()}}
    for name, options in ADAPTERS.items():
        torch.manual_seed(len(name))
        plain = LlamaForCausalLM.from_pretrained(OUT / "base", dtype=torch.float32).eval()
        model = get_peft_model(plain, LoraConfig(task_type="CAUSAL_LM", **options)).eval()
        for key, value in model.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(value, std=0.2)
        model.save_pretrained(OUT / name)
        fresh = LlamaForCausalLM.from_pretrained(OUT / "base", dtype=torch.float32).eval()
        answers["logits"][name] = logits(PeftModel.from_pretrained(fresh, OUT / name).eval()).tolist()
        (OUT / name / "README.md").unlink(missing_ok=True)
        config = OUT / name / "adapter_config.json"
        # The folder of the machine that made it is nobody's business.
        config.write_text(config.read_text().replace(str(OUT / "base"), "adapters/base"))
        if name != "patterns":
            write_gguf(OUT / name, OUT / f"{name}.gguf")
    for name in ("generation_config.json",):
        (OUT / "base" / name).unlink(missing_ok=True)
    rounded = {name: [[round(x, 4) for x in row] for row in rows] for name, rows in answers["logits"].items()}
    (OUT / "logits.json").write_text(json.dumps({**answers, "logits": rounded}, separators=(",", ":")) + "\n")


main()
