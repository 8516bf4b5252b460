"""What a decoder could still do if a file took it over: each attempt is made in a process that confined itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from captiond.checks.decoders import held
from captiond.checks.finding import Level
from captiond.media.spec import Confinement

CONFINED = """
import ctypes, mmap, os, resource, signal, socket, subprocess, sys
from captiond.media import landlock, limits, seccomp
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
{confine}
def failed(code):
    if code < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
try:
    {attempt}
except OSError as error:
    print(error.strerror)
else:
    print("done")
"""
ALL = "print(repr(limits.confine(parent, 512)))"
LANDLOCK = "libc.prctl(38, 1, 0, 0, 0); print(landlock.restrict(['/usr/lib']))"
SECCOMP = "libc.prctl(38, 1, 0, 0, 0); print(seccomp.restrict())"

READS = {
    "a file of the system": "open('/etc/passwd').read()",
    "a file beside it": "open('private').read()",
    "a folder": "os.listdir('/etc')",
    "its parent's environment": "open(f'/proc/{parent}/environ').read()",
    "its parent's memory": "os.open(f'/proc/{parent}/mem', os.O_RDONLY)",
    "its own environment": "open('/proc/self/environ').read()",
}
WRITES = {
    "a new file": "open('new', 'w').write('x')",
    "a file that is there": "os.open('private', os.O_WRONLY)",
    "the end of a file": "os.open('private', os.O_WRONLY | os.O_APPEND)",
    "a file cut short": "os.truncate('private', 0)",
    "a file renamed": "os.rename('private', 'new')",
    "a file removed": "os.unlink('private')",
    "a folder": "os.mkdir('new')",
    "a link": "os.symlink('private', 'new')",
    "a device": "os.open('/dev/null', os.O_RDWR)",
}
TCP = {
    "a connection": "socket.create_connection(('127.0.0.1', 9))",
    "a server": "socket.socket().bind(('127.0.0.1', 0))",
}
CALLS = {
    "a socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "another program": "os.execv('/bin/true', ['true'])",
    "another process": "os._exit(0) if os.fork() == 0 else os.wait()",
    "a program beside it": "subprocess.run(['/bin/true'])",
    "a signal to its parent": "os.kill(parent, 0)",
    "its parent's limits": "resource.prlimit(parent, resource.RLIMIT_NOFILE, (16, 16))",
    "a debugger": "failed(libc.ptrace(16, parent, 0, 0))",
    "a ring of calls to the kernel": "failed(libc.syscall(425, 1, 0))",
    "outliving its parent": "failed(libc.prctl(1, 0, 0, 0, 0))",
    "a right changed": "os.chmod('private', 0o777)",
    "a namespace": "failed(libc.unshare(0x10000000))",
}


def attempted(folder: Path, attempt: str, confine: str) -> tuple[str, str]:
    """What confining says, and how the attempt ended."""
    script = CONFINED.format(confine=confine, attempt=attempt)
    (folder / "private").write_text("private")
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said, ended = done.stdout.splitlines()
    return said, ended


def untouched(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == ["private"] and (folder / "private").read_text() == "private"


def had(said: str, nothing: str) -> None:
    if said == nothing:
        pytest.skip("this system has no such confinement")


@pytest.mark.parametrize("attempt", [*READS.values(), *WRITES.values(), *TCP.values(), *CALLS.values()])
@pytest.mark.fault("a hostile picture or video")
def test_a_decoder_that_is_taken_over_reaches_nothing(tmp_path: Path, attempt: str) -> None:
    said, ended = attempted(tmp_path, attempt, ALL)
    if "landlock=0" in said or "seccomp=False" in said:
        pytest.skip(f"this system has less: {said}")
    assert ended in ("Permission denied", "Function not implemented")
    assert untouched(tmp_path)


@pytest.mark.parametrize("attempt", [*READS.values(), *WRITES.values(), *TCP.values()])
def test_landlock_alone_keeps_it_from_files_and_from_tcp(tmp_path: Path, attempt: str) -> None:
    said, ended = attempted(tmp_path, attempt, LANDLOCK)
    had(said, "0")
    if int(said) < 4 and attempt in TCP.values():
        pytest.skip("this kernel's Landlock knows no network")
    assert ended == "Permission denied"
    assert untouched(tmp_path)


@pytest.mark.parametrize("attempt", [*WRITES.values(), *TCP.values(), *CALLS.values()])
def test_seccomp_alone_keeps_it_from_writing_the_network_and_other_processes(tmp_path: Path, attempt: str) -> None:
    said, ended = attempted(tmp_path, attempt, SECCOMP)
    had(said, "False")
    assert ended == "Function not implemented"
    assert untouched(tmp_path)


def test_without_confinement_the_attempts_succeed(tmp_path: Path) -> None:
    for attempt in (READS["a file beside it"], WRITES["a new file"], CALLS["a socket"], CALLS["another process"]):
        assert attempted(tmp_path, attempt, "print()")[1] == "done"


def test_a_confined_process_can_still_read_libraries_start_threads_and_abort(tmp_path: Path) -> None:
    for attempt in (
        "import av, imagecodecs, numpy, pillow_heif, rawpy; imagecodecs.jpegxl_version()",
        "import threading; thread = threading.Thread(target=print); thread.start(); thread.join()",
    ):
        script = CONFINED.format(confine=ALL, attempt=attempt)
        run = [sys.executable, "-c", script]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout.endswith("done\n"), done.stderr
    run = [sys.executable, "-c", CONFINED.format(confine=ALL, attempt="os.abort()")]
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, check=False, timeout=60).returncode == -signal.SIGABRT


def test_without_libseccomp_it_goes_on_and_says_so(tmp_path: Path) -> None:
    without = "seccomp._LIBRARY = 'libseccomp.so.0'; "
    said, ended = attempted(tmp_path, "import av", without + ALL)
    assert "seccomp=False" in said
    assert ended == "done"


def test_time_of_the_processor_is_limited_for_each_file_anew() -> None:
    script = (
        "import time\n"
        "from captiond.media import limits\n"
        "for _ in range(3):\n"
        "    limits.allow_time(1)\n"
        "    ends = time.process_time() + 0.6\n"
        "    while time.process_time() < ends: pass\n"
        "print('three files', flush=True)\n"
        "while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "three files\n"
    assert done.returncode == -signal.SIGXCPU


@pytest.mark.parametrize(
    ("confinement", "level", "words"),
    [
        (Confinement(6, seccomp=True), Level.OK, "confined by limits, Landlock (version 6), seccomp"),
        (
            Confinement(6, seccomp=False),
            Level.WARN,
            "Landlock (version 6), no seccomp: a file that takes one over could",
        ),
        (Confinement(0, seccomp=True), Level.WARN, "no Landlock, seccomp: a file that takes one over could"),
        (Confinement(0, seccomp=False), Level.WARN, "no Landlock, no seccomp: a file that takes one over could"),
    ],
)
def test_check_says_what_confines_the_decoders_and_what_is_missing(
    confinement: Confinement, level: Level, words: str
) -> None:
    found = held(confinement)
    assert found.level is level
    assert words in found.message
    assert (found.remedy is None) == (level is Level.OK)
