"""As servers do: one instance, a thread a request, whole files and streams of PCM over HTTP. MODEL VOICE OUT"""

import io
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

import numpy as np
import soundfile

from indextts.infer_v2 import IndexTTS2

model_dir, voice, out = sys.argv[1:4]
tts = IndexTTS2(f"{model_dir}/config.yaml", model_dir, device="cpu")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        options = {"max_mel_tokens": 8, "seed": asked["seed"]}
        if self.path == "/stream":
            parts = tts.infer(voice, asked["text"], None, stream_return=True, **options)
            body = b"".join(part.numpy().astype(np.int16).tobytes() for part in parts)
        else:
            rate, samples = tts.infer(voice, asked["text"], None, **options)
            file = io.BytesIO()
            soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
            body = file.getvalue()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(path: str, seed: int) -> bytes:
    body = json.dumps({"text": "Good morning, who is there?", "seed": seed}).encode()
    with urlopen(Request(f"http://127.0.0.1:{server.server_port}{path}", body), timeout=300) as answer:
        return answer.read()


alone = [ask("/speech", seed) for seed in (1, 2)]
with ThreadPoolExecutor(3) as pool:
    together = [pool.submit(ask, "/speech", 1), pool.submit(ask, "/speech", 2), pool.submit(ask, "/stream", 1)]
whole, _ = soundfile.read(io.BytesIO(alone[0]), dtype="int16")
stream = np.frombuffer(together[2].result(), np.int16)
server.shutdown()
print(
    json.dumps(
        {
            "same": [answer.result() for answer in together[:2]] == alone,
            "different": alone[0] != alone[1],
            "stream": bool(np.array_equal(stream[: len(whole)], whole)),
            "silence after it": len(stream) - len(whole),
        }
    )
)
