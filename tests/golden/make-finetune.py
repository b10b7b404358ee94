"""Losses of fine-tunings by PEFT (peft 0.21, transformers 5.24, torch 2.15, on a CPU):

  node tests/golden/make-finetune.ts FOLDER
  python tests/golden/make-finetune.py FOLDER tests/golden/finetune.json

Without the last argument, the losses are only compared with those of the kit.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import PeftModel
from transformers import AutoModelForCausalLM

torch.manual_seed(0)
torch.set_num_threads(2)


def loss_of_tokens(model, text):
    """Sum of the losses of what is learned, and how many tokens that is."""
    tokens = torch.tensor([text["tokens"]])
    learned = torch.tensor(text["learned"][1:], dtype=torch.bool)
    logits = model(input_ids=tokens).logits[0, :-1][learned].float()
    return F.cross_entropy(logits, tokens[0, 1:][learned], reduction="sum"), int(learned.sum())


def step_loss(model, job, examples):
    """Backward passes of an update; its mean loss."""
    if job["form"] != "preference":
        n = sum(sum(text["learned"][1:]) for example in examples for text in example)
        total = 0.0
        for example in examples:
            loss, _ = loss_of_tokens(model, example[0])
            (loss / n).backward()
            total += loss.item()
        return total / n
    total = 0.0
    for chosen, rejected in examples:
        with torch.no_grad(), model.disable_adapter():
            base = loss_of_tokens(model, rejected)[0] - loss_of_tokens(model, chosen)[0]
        margin = loss_of_tokens(model, rejected)[0] - loss_of_tokens(model, chosen)[0]
        loss = -F.logsigmoid(job["beta"] * (margin - base))
        (loss / len(examples)).backward()
        total += loss.item()
    return total / len(examples)


def run(folder):
    job = json.loads((folder / "job.json").read_text())
    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    is_prefix = job["isPrefix"]
    # PEFT loads no prefix to go on with, but one that is loaded can be learned.
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=not is_prefix)
    if is_prefix:
        model.prompt_encoder["default"].embedding.weight.requires_grad_(True)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses = []
    for rate, examples in zip(job["rates"], job["steps"]):
        optimizer.zero_grad()
        losses.append(step_loss(model, job, examples))
        if is_prefix:
            # The kit leaves the first position as it is.
            for weight in weights:
                weight.grad[0] = 0
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    gaps = [abs(a - b) / abs(a) for a, b in zip(losses, job["losses"])]
    print(f"{folder.name}: from {losses[0]:.5f} to {losses[-1]:.5f}, the kit to {job['losses'][-1]:.5f};"
          f" largest relative gap {max(gaps):.2e}, of the last {gaps[-1]:.2e}")
    return losses


if __name__ == "__main__":
    jobs = sorted(path.parent for path in Path(sys.argv[1]).glob("*/job.json"))
    found = {folder.name: run(folder) for folder in jobs}
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(found, indent=1) + "\n")
