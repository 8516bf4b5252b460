"""captiond against what a user would write, or install, for the same 200 photos and endpoint.

- a script: read the whole file, base64, `chat.completions.create`, one photo after the other;
- `argus-lens` from PyPI: `argus-lens caption FOLDER --backend openai-compat`;
- `llm` from PyPI: `llm -m MODEL PROMPT -a PHOTO` in a shell loop, and the same from its Python API in one process;
- `captiond caption FOLDER`, with the default 8 requests in flight and with 32.

The two others are installed into environments of their own, made for this and removed. Each contender is one command;
the time is from its start to its end, start-up included. Memory is resident, summed over all its processes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

import _common
import _material
import psutil

from fake_endpoint import FakeProcess
from program import Home

DELAY = 0.3
ARGUS, LLM = "argus-lens[cli]==0.5.0", "llm==0.36"
PROMPT = "Describe this image in one or two plain sentences."
ARGUS_BYTES = 100_000_000
"""It decodes all photos of a folder before it asks for the first: 49 MB each. It gets no more than fit well."""
LLM_SHELL_PHOTOS = 40
"""A new process for each photo takes long, and its rate does not change."""

SCRIPT = """
import base64, pathlib, sys
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1], api_key="none")
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.jpg")):
    data = base64.b64encode(path.read_bytes()).decode()
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + data}}
    messages = [{"role": "user", "content": [{"type": "text", "text": sys.argv[3]}, picture]}]
    answer = client.chat.completions.create(model="fake-vision-1", messages=messages, max_tokens=300)
    path.with_suffix(".txt").write_text(answer.choices[0].message.content)
"""
LLM_SCRIPT = """
import pathlib, sys, llm
model = llm.get_model("bench")
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg")):
    answer = model.prompt(sys.argv[2], attachments=[llm.Attachment(path=str(path))], stream=False)
    path.with_suffix(".txt").write_text(answer.text())
"""
LLM_SHELL = (
    'for photo in "$1"/*.jpg; do "$0" -m bench --no-stream "$2" -a "$photo" >"${photo%.jpg}.txt" || exit 1; done'
)
LLM_MODELS = """
- model_id: bench
  model_name: fake-vision-1
  api_base: "{base_url}"
  vision: true
  can_stream: false
"""


@dataclass
class Contender:
    """One command on a folder of its own with the same photos."""

    name: str
    command: list[str]
    folder: Path
    photos: int
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Found:
    """What one contender took."""

    photos: int
    rate: float
    sent_mb: float
    peak_mb: float


def main() -> int:
    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--photos", type=int, default=200)
        parser.add_argument("--others", action="store_true", help="also with --quick: install and run the others")

    chosen = _common.options(__doc__, add)
    count = 6 if chosen.quick else chosen.photos
    report = _common.Report("versus", quick=chosen.quick)
    found: dict[str, Found | str] = {}
    with _common.workplace(chosen.keep) as (place, material):
        photos = _material.photos(material, count, _material.SMALL if chosen.quick else _material.PHOTO)
        megabytes = _material.mean_megabytes(photos)
        with FakeProcess("--fast", "--delay", str(DELAY)) as fake:
            contenders = ours(place, photos, fake.base_url)
            if chosen.others or not chosen.quick:
                contenders += argus(place, photos, fake.base_url, found) + llm(place, photos, fake.base_url, found)
            for contender in contenders:
                found[contender.name] = measure(contender, fake, place)
    report.row(
        "photos",
        "photos",
        f"{count}, {megabytes:.1f} MB each; the endpoint answers after {DELAY:g} s",
    )
    lines = [
        [name, "-", "-", "-", "-"]
        if isinstance(result, str)
        else [name, str(result.photos), f"{result.rate:.2f}", f"{result.sent_mb:.2f}", f"{result.peak_mb:.0f}"]
        for name, result in found.items()
    ]
    report.table(["", "photos", "photos/s", "MB sent a photo", "peak MB"], lines)
    for name, result in found.items():
        if isinstance(result, str):
            report.note(f"{name} was not measured: {result}")
    report.value("found", {name: result if isinstance(result, str) else vars(result) for name, result in found.items()})
    mine = [result for name, result in found.items() if name.startswith("captiond") and isinstance(result, Found)]
    others = [result for name, result in found.items() if not name.startswith("captiond") and isinstance(result, Found)]
    faster = min(one.rate for one in mine) / max(one.rate for one in others)
    fewer = min(one.sent_mb for one in others) / max(one.sent_mb for one in mine)
    report.goal("times_faster", "times the photos a second of the best other", faster, "{:.1f}", least=1)
    report.goal("times_fewer_bytes", "times fewer bytes than the best other", fewer, "{:.1f}", least=1)
    return report.end()


def ours(place: Path, photos: list[Path], base_url: str) -> list[Contender]:
    """The plain script, and captiond."""
    folder = _common.linked(photos, place / "script")
    contenders = [
        Contender(
            "a script, one by one", [sys.executable, "-c", SCRIPT, base_url, str(folder), PROMPT], folder, len(photos)
        )
    ]
    for in_flight in (8, 32):
        home = Home(place / f"captiond-{in_flight}", base_url)
        home.configure(base_url=base_url, concurrency=in_flight, timeout=60)
        _common.linked(photos, home.inbox)
        command = [sys.executable, "-m", "captiond", "--config", str(home.config), "caption", str(home.inbox)]
        name = f"captiond, {in_flight} in flight"
        contenders.append(Contender(name, command, home.inbox, len(photos), home.environment()))
    return contenders


def argus(place: Path, photos: list[Path], base_url: str, found: dict[str, Found | str]) -> list[Contender]:
    """It is pointed at any server by `--backend openai-compat --base-url`."""
    programs = installed(place / "venv-argus", ARGUS, found)
    if programs is None:
        return []
    some = photos[: max(1, psutil.virtual_memory().available // ARGUS_BYTES)]
    folder = _common.linked(some, place / "argus")
    options = ["--backend", "openai-compat", "--base-url", base_url, "--model-id", "fake-vision-1"]
    command = [str(programs / "argus-lens"), "caption", str(folder), *options]
    return [Contender("argus-lens", command, folder, len(some))]


def llm(place: Path, photos: list[Path], base_url: str, found: dict[str, Found | str]) -> list[Contender]:
    """It is pointed at any server by a model of its own in extra-openai-models.yaml."""
    programs = installed(place / "venv-llm", LLM, found)
    if programs is None:
        return []
    home = place / "llm-home"
    home.mkdir()
    (home / "extra-openai-models.yaml").write_text(LLM_MODELS.format(base_url=base_url))
    environment = {"LLM_USER_PATH": str(home)}
    some = _common.linked(photos[:LLM_SHELL_PHOTOS], place / "llm-shell")
    every = _common.linked(photos, place / "llm-python")
    shell = ["sh", "-c", LLM_SHELL, str(programs / "llm"), str(some), PROMPT]
    python = [str(programs / "python"), "-c", LLM_SCRIPT, str(every), PROMPT]
    return [
        Contender("llm, in a shell loop", shell, some, min(len(photos), LLM_SHELL_PHOTOS), environment),
        Contender("llm, from Python", python, every, len(photos), environment),
    ]


def installed(folder: Path, requirement: str, found: dict[str, Found | str]) -> Path | None:
    """The programs of a new environment with this in it; None, and why in `found`, if it can't be installed."""
    venv.create(folder, with_pip=True)
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        requirement,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        found[requirement] = "could not be installed: " + (done.stderr.strip().splitlines() or ["?"])[-1]
        return None
    return folder / "bin"


def measure(contender: Contender, fake: FakeProcess, place: Path) -> Found | str:
    """Run it to its end."""
    fake.reset()
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), **contender.environment}
    log = place / "output"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            with _common.Watched(process.pid) as tree:
                code = process.wait(3600)
                wall = time.monotonic() - began
        finally:
            process.kill()
            process.wait()
    stats = fake.stats()
    if code or stats["requests"] != contender.photos:
        said = (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
        return f"ended with {code} after {stats['requests']} of {contender.photos} requests; it said: {said[:160]}"
    sent_mb = stats["body_bytes"] / contender.photos / _common.MB
    return Found(contender.photos, contender.photos / wall, sent_mb, tree.peak_tree / _common.MB)


if __name__ == "__main__":
    sys.exit(main())
