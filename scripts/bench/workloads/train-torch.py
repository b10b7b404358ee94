"""A peer of the bench of training: PyTorch, and PEFT for adapters, in f32. Reads a line for every step, which it then
makes, and answers with {"seconds"}; the first line it writes is {"ready": true, "torch": VERSION}.

    pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2
    python train-torch.py '{"kind": "decoder", "threads": 2, "sequences": 16, "context": 256, "config": {...}}'
"""
import json
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

job = json.loads(sys.argv[1])
torch.manual_seed(0)
torch.set_num_threads(job["threads"])
config = LlamaConfig(**job["config"])
model = LlamaForCausalLM(config).float()
if job["kind"] == "adapter":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        model,
        LoraConfig(
            r=job["rank"],
            lora_alpha=2 * job["rank"],
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            task_type="CAUSAL_LM",
        ),
    )
if job["kind"] == "prefix":
    from peft import PrefixTuningConfig, get_peft_model

    model = get_peft_model(model, PrefixTuningConfig(num_virtual_tokens=job["prefix"], task_type="CAUSAL_LM"))
model.train()
weights = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(weights, lr=1e-4)
shape = (job["sequences"], job["context"])
tokens = torch.randint(0, config.vocab_size, shape)
targets = torch.randint(0, config.vocab_size, shape)
# What a teacher says: as likely tokens of each position, which differ.
taught = (torch.arange(shape[0] * shape[1] * job.get("shares", 0)) * 97 % config.vocab_size).view(shape[0] * shape[1], -1)


def step():
    optimizer.zero_grad()
    logits = model(input_ids=tokens).logits
    if job["kind"] == "prefix":
        loss = -torch.log_softmax(logits.flatten(0, 1), -1).gather(1, taught).mean()
    else:
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()


print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
for _line in sys.stdin:
    start = time.perf_counter()
    step()
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
