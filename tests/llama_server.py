"""llama.cpp's own server in a process of its own, with the tiny model: `python tests/llama_server.py FOLDER`.

Its first line on stdout is the base_url. It ends when its stdin does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serves the pair that `tiny_gguf.make` wrote into the folder."""
    folder = Path(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "tiny-Q8_0.gguf")
    params.mmproj.path = str(folder / "mmproj-tiny-Q8_0.gguf")
    params.model_alias = {"tiny"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 2048
    params.n_parallel = 2
    params.image_max_tokens = 64
    params.warmup = False
    params.ui = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
