# Writes tests/golden/minilm.json: 32 texts, their token ids and vectors of all-MiniLM-L6-v2 in float32
# by onnxruntime and Hugging Face's tokenizers, for tests/parity/minilm.test.ts. Vectors are cut to their
# first 32 values (of length one as a whole); "cosines" are of every text with the first, all values.
# pip install numpy onnxruntime tokenizers
# usage: make-embeddings.py model.onnx tokenizer.json
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    'The sea is blue.',
    'The ocean has the colour of a clear sky.',
    'A bakery sells warm bread in the morning.',
    'Fresh loaves come out of the oven at six.',
    'My bicycle has a flat tyre.',
    'How do I repair a puncture?',
    'The court ruled in favour of the tenant.',
    'Interest rates rose by a quarter of a point.',
    'La mer est bleue.',
    'Ünïcödé Straße naïve café',
    '東京タワー is tall 日本語',
    '🙂 emoji 👩‍👩‍👧 family',
    "don't-stop... (really?) $5.00 100%",
    'a' * 150,
    'supercalifragilisticexpialidocious antidisestablishmentarianism',
    'tab\tnew\nline\u00a0nbsp \ufeff zero\u200bwidth',
    'İstanbul ǅ ﬁ ﬂ',
    'Здравствуйте, мир',
    'مرحبا بالعالم',
    'हिन्दी भाषा',
    'ÅÄÖ é e\u0301',
    'C++ C# .NET',
    '１２３ full-width',
    'x\u0000y\u0007z\ufffd',
    'One.',
    'Two cats sat on a mat, and a third one watched them from the window sill.',
    'E = mc^2',
    'def f(x): return x + 1',
    'THE SEA IS BLUE.',
    'the sea is not blue',
    'Lily and Ben played in the park until it rained.',
    ' '.join(['The rain kept falling on the quiet town.'] * 12),
]

graph, tokenizer_path = sys.argv[1:3]
tokenizer = Tokenizer.from_file(tokenizer_path)
tokenizer.no_padding()
tokenizer.no_truncation()
session = onnxruntime.InferenceSession(graph)
names = {i.name for i in session.get_inputs()}
rows, vectors = [], []
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    x = np.array([ids], dtype=np.int64)
    feeds = {'input_ids': x, 'attention_mask': np.ones_like(x), 'token_type_ids': np.zeros_like(x)}
    hidden = session.run(None, {k: v for k, v in feeds.items() if k in names})[0][0]
    vector = hidden.mean(axis=0)
    vectors.append(vector / np.linalg.norm(vector))
    rows.append({'text': text, 'ids': ids})
for row, vector in zip(rows, vectors):
    row['cosine'] = round(float(vector @ vectors[0]), 6)
    row['vector'] = [round(float(v), 6) for v in vector[:32]]
out = Path(__file__).with_name('minilm.json')
out.write_text('[\n' + ',\n'.join(json.dumps(row, ensure_ascii=False) for row in rows) + '\n]\n', encoding='utf8')
