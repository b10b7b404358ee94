"""A peer of the speech bench: faster-whisper on one thread. Reads JSON lines {"path": WAV} and answers
each with {"text", "seconds"}; the first line it writes is {"ready": true}. Nothing else needs Python.

    pip install faster-whisper==1.2.1
    python faster-whisper.py FOLDER COMPUTE_TYPE LANGUAGE
"""
import json
import sys
import time
import wave

import numpy as np
from faster_whisper import WhisperModel


def say(answer):
    print(json.dumps(answer), flush=True)


folder, compute_type, language = sys.argv[1:4]
model = WhisperModel(folder, device="cpu", compute_type=compute_type, cpu_threads=1, num_workers=1)
say({"ready": True})
for line in sys.stdin:
    with wave.open(json.loads(line)["path"]) as file:
        data = file.readframes(file.getnframes())
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    start = time.perf_counter()
    segments, _ = model.transcribe(samples, beam_size=1, language=language)
    text = "".join(segment.text for segment in segments)
    say({"text": text, "seconds": time.perf_counter() - start})
