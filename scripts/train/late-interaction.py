#!/usr/bin/env python3
"""Trains the vectors of tokens with which all-minilm-l6-v2 ranks by late interaction (ColBERT, arXiv 2004.12832).

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    python3 scripts/train/late-interaction.py --model FOLDER --docs docs --stories FILE --openapi FILE \
        --out assets/late-interaction/all-minilm-l6-v2.safetensors

FOLDER is the unpacked model.zip of the catalogue. Passages are of Markdown files (this project's own, but for those that
speak of the questions that are measured), stories (TinyStories, CDLA-Sharing-1.0) and descriptions of an OpenAPI file
(OpenAI's, MIT). Questions are made of their sentences: some words of one, other forms of them, and words whose
embeddings are close in place of them. The encoder stays as it is; what is learned is a projection of the last layer's
rows, a weight of each token of a question, and how much the cosine of the texts' own vectors counts beside it: softmax
over the passages of a batch, several of which are of one document. Every eighth document is kept for validation.
"""
import argparse
import hashlib
import json
import random
import re
import struct
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy, normalize, softplus
from transformers import AutoModel

WIDTH = 64
STEPS = 300
BATCH = 48
PER_DOCUMENT = 4
RATES = (2e-3, 5e-3, 1e-2)
#: Characters of a passage, about.
LEAST_CHARS, MOST_CHARS = 150, 500
MAX_TOKENS = 256
N_STORY = 600
STORIES_A_DOCUMENT = 8
#: Speaks of the documents that are asked about.
LEFT_OUT = {"retrieval.md"}
#: Shares of a question's words that are replaced: one question each.
REPLACED = (0.15, 0.5, 0.8)
CLS, SEP = 101, 102
SEED = 1

COMMON = set(
    "a an and are as at be but by for from had has have he her him his i in is it its me my not of on or our she so that "
    "the their them then there they this to us was we were what when where which who will with you your".split()
)
LEADS = (
    "what,what is,which,how many,how much,how long,when,who,where,how,why,how often,what does,which of,when was,who is,"
    "how is,can,does,is,what are,at what,what happens when"
).split(",")


def markdown_passages(folder):
    for path in sorted(Path(folder).glob("*.md")):
        if path.name in LEFT_OUT:
            continue
        open_headings = []
        for block in re.split(r"\n(?=#{1,6} )", path.read_text()):
            heading = re.match(r"(#{1,6}) (.*)\n?", block)
            if heading:
                open_headings = [*open_headings[: len(heading[1]) - 1], heading[2]]
                block = block[heading.end() :]
            name = " > ".join(open_headings)
            plain = re.sub(r"[|`*_#>]+|[-=~+:]{3,}", " ", block)
            for text in pieces([line for line in re.split(r"\n\s*\n|\n(?=[-|] )|\n(?= *\|)", plain)]):
                yield path.name, name, text


def story_passages(path):
    stories = Path(path).read_text().split("<|endoftext|>")[1 : N_STORY + 1]
    for i, story in enumerate(stories):
        for text in pieces(re.split(r'(?<=[.!?"]) ', " ".join(story.split()))):
            yield f"stories {i // STORIES_A_DOCUMENT}", "", text


def openapi_passages(path):
    for name, schema in sorted(json.loads(Path(path).read_text())["components"]["schemas"].items()):
        for field, value in (schema.get("properties") or {}).items():
            text = value.get("description", "") if isinstance(value, dict) else ""
            if len(text) >= LEAST_CHARS:
                yield f"schemas {name[:6]}", f"{name} > {field}", text[:MOST_CHARS]


def pieces(parts):
    """Parts that follow each other, put together until they are long enough."""
    text = ""
    for part in parts:
        text = f"{text} {' '.join(part.split())}".strip()
        if len(text) > MOST_CHARS * 0.8:
            yield text[: 2 * MOST_CHARS]
            text = ""
    if len(text) >= LEAST_CHARS:
        yield text


def other_words(tokenizer, embeddings):
    """Words by a word whose embedding is close to theirs, without its other forms."""
    words = sorted(w for w in tokenizer.get_vocab() if w.isascii() and w.isalpha() and len(w) > 2)
    rows = normalize(embeddings[[tokenizer.token_to_id(word) for word in words]], dim=-1)
    close = {}
    for start in range(0, len(words), 1000):
        scores, ids = (rows[start : start + 1000] @ rows.T).topk(9)
        for k, (values, found) in enumerate(zip(scores.tolist(), ids.tolist())):
            word = words[start + k]
            near = [words[j] for v, j in zip(values, found) if v > 0.45 and words[j][:4] != word[:4]]
            if near:
                close[word] = near[:5]
    return close


def other_form(word, chance):
    if chance.random() > 0.15 or not word.isalpha() or len(word) < 5:
        return word
    if word.endswith("ing"):
        return word[:-3]
    if word.endswith("ed"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else f"{word}s"


def question(heading, text, replaced, close, chance):
    """A question about a sentence of a passage, or None where it says too little."""
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", text) if len(re.findall(r"\w+", s)) >= 5]
    words = re.findall(r"\w+(?:[-.,:']\w+)*", chance.choice(sentences or [text]))
    if len(words) > 14:
        start = chance.randrange(len(words) - 12)
        words = words[start : start + 14]
    telling = [i for i, word in enumerate(words) if word.lower() not in COMMON]
    # What is asked for is not in the question: figures are left out.
    asked = [i for i in telling if not (re.search(r"\d", words[i]) and chance.random() < 0.7)]
    asked = asked if len(asked) > 1 else telling
    if len(asked) < 2:
        return None
    kept = set(chance.sample(asked, min(chance.choice([2, 3, 3, 4, 4, 5, 6]), len(asked))))
    said = []
    for i, word in enumerate(words):
        if i in kept:
            near = close.get(word.lower()) if chance.random() < replaced else None
            said.append(chance.choice(near) if near else other_form(word, chance))
        elif i not in telling and said and chance.random() < 0.35:
            said.append(word)
    above = [w for w in re.findall(r"\w+", heading) if w.lower() not in COMMON]
    if above and chance.random() < 0.4 * (1 - replaced):
        said += ["of", *chance.sample(above, min(len(above), chance.choice([1, 1, 2])))]
    if chance.random() < 0.75:
        said.insert(0, chance.choice(LEADS))
    return " ".join(said) + ("?" if chance.random() < 0.7 else "")


@torch.no_grad()
def rows_of(model, tokenizer, texts):
    """The last layer's rows of each text, f16."""
    ids = [[CLS, *tokenizer.encode(t, add_special_tokens=False).ids[: MAX_TOKENS - 2], SEP] for t in texts]
    made = [None] * len(ids)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), 16):
        part = order[start : start + 16]
        longest = max(len(ids[i]) for i in part)
        padded = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in part])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in part])
        hidden = model(input_ids=padded, attention_mask=mask).last_hidden_state
        for k, i in enumerate(part):
            made[i] = hidden[k, : len(ids[i])].half().clone()
        print(f"\rencoding: {start + len(part)} of {len(order)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return made


def padded_rows(texts):
    longest = max(len(rows) for rows in texts)
    rows = torch.zeros(len(texts), longest, texts[0].shape[1])
    mask = torch.zeros(len(texts), longest, dtype=torch.bool)
    for k, text in enumerate(texts):
        rows[k, : len(text)], mask[k, : len(text)] = text.float(), True
    return rows, mask


class Texts:
    """Rows of texts, and their own vectors."""

    def __init__(self, rows):
        self.rows = rows
        self.vectors = normalize(torch.stack([one.float().mean(0) for one in rows]), dim=-1)

    def part(self, ids):
        return [self.rows[i] for i in ids], self.vectors[ids]


class Late(torch.nn.Module):
    def __init__(self, rows):
        super().__init__()
        _, _, axes = torch.linalg.svd(normalize(rows, dim=-1), full_matrices=False)
        self.projection = torch.nn.Parameter(axes[:WIDTH].clone())
        self.importance = torch.nn.Parameter(torch.zeros(rows.shape[1]))
        self.importance_offset = torch.nn.Parameter(torch.tensor(0.5))
        self.share = torch.nn.Parameter(torch.tensor(0.54))
        self.sharpness = torch.nn.Parameter(torch.tensor(2.7))

    @property
    def text_share(self):
        return softplus(self.share)

    def forward(self, questions, passages):
        """[questions, passages]"""
        (asked, asked_vectors), (found, found_vectors) = questions, passages
        q, q_mask = padded_rows(asked)
        p, p_mask = padded_rows(found)
        cosines = torch.einsum(
            "aiw,bjw->abij", *(normalize(x @ self.projection.T, dim=-1) for x in (q, p))
        )
        largest = cosines.masked_fill(~p_mask[None, :, None, :], -2).max(-1).values
        weights = softplus(q @ self.importance + self.importance_offset) * q_mask
        late = (largest * weights[:, None, :]).sum(-1) / weights.sum(-1)[:, None]
        return late + self.text_share * (asked_vectors @ found_vectors.T)


def train(late, questions, passages, asked, documents, chance):
    """`asked`: (passage, document) of each question; of `documents` alone."""
    by_document = {name: [k for k, (_, d) in enumerate(asked) if d == name] for name in documents}
    groups = (
        [late.projection],
        [late.importance, late.importance_offset],
        [late.share, late.sharpness],
    )
    optimizer = torch.optim.Adam([{"params": group} for group in groups])
    for step in range(STEPS):
        for group, rate in zip(optimizer.param_groups, RATES):
            group["lr"] = rate * (1 - step / STEPS)
        batch, seen = [], set()
        while len(batch) < BATCH:
            own = by_document[chance.choice(documents)]
            for k in chance.sample(own, min(PER_DOCUMENT, len(own))):
                if asked[k][0] not in seen and len(batch) < BATCH:
                    seen.add(asked[k][0])
                    batch.append(k)
        scores = late(questions.part(batch), passages.part([asked[k][0] for k in batch]))
        loss = cross_entropy(scores * late.sharpness.exp(), torch.arange(len(batch)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            print(f"\rstep {step + 1} of {STEPS}, loss {loss.item():.3f}", end="", file=sys.stderr)
    print(file=sys.stderr)


@torch.no_grad()
def validate(late, questions, passages, asked, ids):
    """Scores of questions with the passages `ids`, how often the right one is first, and that of cosines."""
    found = [passages.part(ids[m : m + 64]) for m in range(0, len(ids), 64)]
    parts = [range(k, min(k + 16, len(asked))) for k in range(0, len(asked), 16)]
    scores = torch.cat([torch.cat([late(questions.part(part), f) for f in found], 1) for part in parts])
    right = torch.tensor([ids.index(passage) for passage, _ in asked])
    cosines = questions.vectors @ passages.vectors[ids].T
    share = lambda values: (values.argmax(1) == right).float().mean().item()
    return scores, right, share(scores), share(cosines)


def calibrated(scores, right):
    """Scale and offset of a sigmoid that tells right passages from the four best of the others."""
    positive = scores.gather(1, right[:, None])[:, 0]
    others = scores.scatter(1, right[:, None], -9).topk(4).values.flatten()
    x = torch.cat([positive, others]).double()
    y = torch.cat([torch.ones_like(positive), torch.zeros_like(others)]).double()
    weight = torch.where(y == 1, 0.5 / len(positive), 0.5 / len(others))
    values = torch.tensor([10.0, -10.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        out = torch.nn.functional.binary_cross_entropy_with_logits(x * values[0] + values[1], y, weight, reduction="sum")
        out.backward()
        return out

    optimizer.step(loss)
    return values.tolist()


def write(path, tensors, metadata):
    """safetensors, its header with keys in order: the same bytes each time."""
    header, at, blob = {"__metadata__": metadata}, 0, b""
    for name, tensor in tensors.items():
        data = tensor.detach().float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        at, blob = at + len(data), blob + data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "docs", "stories", "openapi", "out"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    chance = random.Random(SEED)
    tokenizer = Tokenizer.from_file(f"{given.model}/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = AutoModel.from_pretrained(given.model).eval()

    texts = [*markdown_passages(given.docs), *openapi_passages(given.openapi), *story_passages(given.stories)]
    close = other_words(tokenizer, model.embeddings.word_embeddings.weight.detach())
    asked, said = [], []
    for i, (document, heading, text) in enumerate(texts):
        for replaced in REPLACED:
            made = question(heading, text, replaced, close, chance)
            if made is not None:
                asked.append((i, document))
                said.append(made)
    names = sorted({document for document, _, _ in texts})
    chance.shuffle(names)
    kept, learned = set(names[: len(names) // 8]), sorted(names[len(names) // 8 :])
    print(f"{len(texts)} passages of {len(names)} documents, {len(said)} questions")

    passages = Texts(rows_of(model, tokenizer, [f"{heading}\n{text}".strip() for _, heading, text in texts]))
    questions = Texts(rows_of(model, tokenizer, said))
    late = Late(torch.cat([rows.float() for rows in passages.rows[::4]])[:20_000])
    train(late, questions, passages, asked, learned, chance)

    held = [k for k, (_, document) in enumerate(asked) if document in kept]
    held_questions = Texts([questions.rows[k] for k in held])
    ids = sorted({asked[k][0] for k in held})
    scores, right, first, first_by_cosine = validate(late, held_questions, passages, [asked[k] for k in held], ids)
    scale, offset = calibrated(scores, right)
    print(f"validation, {len(held)} questions, {len(ids)} passages: first {first:.3f}, by cosines {first_by_cosine:.3f}")

    base = model.embeddings.LayerNorm.weight.detach().float().numpy().tobytes()
    digest = write(
        Path(given.out),
        {"late.projection.weight": late.projection, "late.importance.weight": late.importance},
        {
            "base": hashlib.sha256(base).hexdigest(),
            "importance_offset": f"{late.importance_offset.item():.6f}",
            "text_share": f"{late.text_share.item():.6f}",
            "scale": f"{scale:.6f}",
            "offset": f"{offset:.6f}",
        },
    )
    print(f"{given.out}: {Path(given.out).stat().st_size} bytes, SHA-256 {digest}")


main()
