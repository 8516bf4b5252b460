"""LiteLLM's proxy in front of another endpoint, in an environment of its own: its dependencies fit no other's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from waiting import until

WANTED = "litellm[proxy]>=1.80,<2"
CONFIG = """
model_list:
  - model_name: caption
    litellm_params:
      model: openai/fake-vision-1
      api_base: {base_url}
      api_key: none
router_settings:
  num_retries: 0
general_settings:
  master_key: {key}
"""


def install(folder: Path) -> Path:
    """A virtual environment with the proxy in it, from the package index that pip is set up for; its program."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", WANTED], check=True, timeout=900)
    return folder / "bin" / "litellm"


class LiteLLM:
    """The running proxy; a context manager."""

    def __init__(self, program: Path, folder: Path, behind: str, key: str) -> None:
        config = folder / "litellm.yaml"
        config.write_text(CONFIG.format(base_url=behind, key=key))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._alive = f"http://127.0.0.1:{port}/health/liveliness"
        self._log = (folder / "litellm.log").open("wb")
        # Without it, prices are fetched from the network at the start.
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        self._process = subprocess.Popen(
            [program, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        until(self._answers, timeout=400)  # 37 s where nothing else runs
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, Path(self._log.name).read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(self._alive, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
