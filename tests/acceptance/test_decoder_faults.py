"""The real service, while its decoders are killed and stopped from outside: one file pays for it, in few attempts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import captiond
import media_samples as made
from drops import drop
from fake_endpoint import FakeEndpoint, echo
from processes import children, descriptors
from program import Home
from waiting import until

AT_WORK = 150 << 20
"""Bytes that only the decoder of the large picture holds."""


def at_work(service: int) -> set[int]:
    """The decoders that have the large picture in hand."""
    found = set()
    for pid in children(service):
        with suppress(FileNotFoundError, ProcessLookupError, IndexError):  # it ended meanwhile
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            if pages * os.sysconf("SC_PAGESIZE") > AT_WORK:
                found.add(pid)
    return found


def of_files(service: int) -> list[str]:
    """What it holds open, but for the database: each of its threads opens that when it first needs it."""
    return [path for path in descriptors(service) if "captions.db" not in path]


@pytest.mark.slow
@pytest.mark.fault("a hostile picture or video")
@pytest.mark.parametrize(
    ("number", "limit", "reason"), [(signal.SIGKILL, 30, "decoder_crashed"), (signal.SIGSTOP, 4, "decoder_timeout")]
)
def test_a_file_whose_decoder_is_killed_or_hangs_fails_after_two_attempts_and_no_other_does(
    tmp_path: Path, number: signal.Signals, limit: int, reason: str
) -> None:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure(
            more=f"[media]\nworkers = 1\ndecode_seconds = {limit}\ndecode_memory_mb = 1024",
        )
        with home.run() as program:
            service = program.process.pid
            drop(home.inbox / "before.jpg", "before")
            home.captioned("before.jpg")
            open_before = len(of_files(service))
            made.png_bomb(home.folder / "large.png", 14_000, 8_000).rename(home.inbox / "large.png")
            hit: set[int] = set()

            def settled() -> bool:
                for pid in at_work(service) - hit:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
                    hit.add(pid)
                job = home.jobs().get("large.png")
                return job is not None and job["state"] == "failed"

            until(settled, timeout=60)
            drop(home.inbox / "after.jpg", "after")
            home.captioned("after.jpg")
            job = home.jobs()["large.png"]
            assert (job["reason"], job["attempts"]) == (reason, 2)
            assert len(hit) == 2
            assert not hit & children(service)
            assert len(children(service)) == 1
            assert len(of_files(service)) <= open_before + 1
            assert program.process.poll() is None
        assert len(fake.requests) == 2
        assert {name for name, job in home.jobs().items() if job["state"] == "failed"} == {"large.png"}


@pytest.mark.fault("a decoder that can't be started")
def test_while_no_decoder_can_be_started_the_queue_waits_and_no_attempt_is_paid(
    tmp_path: Path, fake: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, fake.base_url)
    home.configure(settle=0.1, more="[media]\nworkers = 2")
    monkeypatch.setattr(sys, "executable", str(own_python(tmp_path / "installed")))
    with home.run() as program:
        drop(home.inbox / "before.jpg", "before")
        home.captioned("before.jpg")
        python = Path(sys.executable)
        python.rename(python.with_name("away"))
        for pid in children(program.process.pid):
            os.kill(pid, signal.SIGKILL)
        names = [f"{number}.jpg" for number in range(8)]
        for name in names:
            drop(home.inbox / name, name)
        told = program.event("decoders_missing")
        assert (told["level"], "No such file" in told["error"]) == ("error", True)
        until(lambda: set(names) <= set(home.jobs()))
        python.with_name("away").rename(python)
        program.event("decoders_well")
        home.captioned(*names)
        assert len(program.lines("decoders_missing")) == 1
    assert {job["attempts"] for job in home.jobs().values()} == {1}
    assert len(fake.requests) == 1 + len(names)


def own_python(folder: Path) -> Path:
    """A Python with the same packages, whose link can be taken away without harm to others."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    paths = {site for site in sys.path if "site-packages" in site} | {str(Path(captiond.__file__).parents[1])}
    (packages / "same.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
    return folder / "bin" / "python"
