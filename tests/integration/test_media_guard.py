"""The guarded child: what it may do, what happens when it dies, and that one bad file costs only itself."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import media_samples as samples
from captiond.errors import (
    FAILURES,
    Changed,
    Corrupt,
    DecoderCrashed,
    DecoderMemory,
    DecoderTimeout,
    Failure,
    Fault,
    Stopped,
    Truncated,
    Vanished,
)
from captiond.media import header, identify
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, ImagePart
from mutations import MADE, mutated
from waiting import until

SPEC = EncodeSpec()


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=512))
    yield guard
    guard.close()


@pytest.fixture
def small(tmp_path: Path) -> str:
    return str(samples.jpeg(tmp_path / "small.jpg"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A picture that takes seconds to decode."""
    return str(samples.png_bomb(tmp_path_factory.mktemp("slow") / "slow.png", 14_000, 8_000))


def pid_of(guard: Guard) -> int:
    assert guard.pid is not None
    return guard.pid


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def run_in_thread(guard: Guard, path: str) -> tuple[threading.Thread, list[Encoded | Failure]]:
    results: list[Encoded | Failure] = []
    opened = read(path, None)

    def work() -> None:
        try:
            results.append(guard.encode(opened, SPEC))
        except Failure as failure:
            results.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, results


def test_one_child_serves_many_files(guard: Guard, small: str) -> None:
    pids = set()
    for _ in range(5):
        guard.encode(read(small, None), SPEC)
        pids.add(pid_of(guard))
    assert len(pids) == 1


def test_the_child_is_given_no_key_and_little_else(guard: Guard, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXEN_API_KEY", "sk-canary")
    monkeypatch.setenv("CAPTIOND_ENDPOINTS__OXEN__API_KEY_FILE", "/etc/canary")
    guard.encode(read(small, None), SPEC)
    environ = Path(f"/proc/{pid_of(guard)}/environ").read_bytes()
    assert b"canary" not in environ
    names = {pair.split(b"=")[0] for pair in environ.split(b"\0") if pair}
    assert names <= {b"PATH", b"PYTHONPATH", b"LD_LIBRARY_PATH", b"PYTHONHOME", b"PYTHONUSERBASE"} | {
        b"LC_ALL",
        b"MALLOC_ARENA_MAX",
        b"OMP_NUM_THREADS",
        b"OPENBLAS_NUM_THREADS",
        b"PILLOW_BLOCKS_MAX",
    }


def test_the_child_has_given_up_what_it_does_not_need(guard: Guard, small: str) -> None:
    with open(os.devnull) as _held_open:
        guard.encode(read(small, None), SPEC)
    pid = pid_of(guard)
    limits = {line[:26].strip(): line[26:].split()[:2] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert int(limits["Max open files"][1]) <= 64
    assert int(limits["Max address space"][1]) < 3 << 30
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    # Its three standard streams, the way to its guard and its own size: the file is closed, and nothing was inherited.
    expected = ["/dev/null", "/dev/null", f"/proc/{pid}/statm", "pipe", "socket"]
    assert sorted(target.split(":")[0] for target in targets) == expected
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


@pytest.mark.fault("a hostile picture or video")
def test_a_picture_that_takes_too_long_fails_and_the_next_gets_a_new_child(small: str, slow: str) -> None:
    guard = Guard(GuardLimits(seconds=0.4, memory_mb=1024))
    try:
        guard.encode(read(small, None), SPEC)
        before = pid_of(guard)
        with pytest.raises(DecoderTimeout):
            guard.encode(read(slow, None), SPEC)
        assert until(lambda: is_gone(before))
        guard.encode(read(small, None), SPEC)
        assert pid_of(guard) != before
    finally:
        guard.close()


@pytest.mark.fault("a hostile picture or video")
def test_a_picture_that_needs_too_much_memory_fails_and_the_next_gets_a_new_child(small: str, slow: str) -> None:
    guard = Guard(GuardLimits(seconds=30, memory_mb=256))
    try:
        guard.encode(read(small, None), SPEC)
        before = pid_of(guard)
        with pytest.raises(DecoderMemory):
            guard.encode(read(slow, None), SPEC)
        guard.encode(read(small, None), SPEC)
        assert pid_of(guard) != before
    finally:
        guard.close()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
@pytest.mark.fault("a hostile picture or video")
def test_a_child_that_dies_costs_one_file(guard: Guard, small: str, slow: str, number: signal.Signals) -> None:
    guard.encode(read(small, None), SPEC)
    before = pid_of(guard)
    thread, results = run_in_thread(guard, slow)
    until(lambda: "running" in _state_of(before))
    os.kill(before, number)
    thread.join(10)
    assert isinstance(results[0], DecoderCrashed)
    assert number.name in results[0].message
    guard.encode(read(small, None), SPEC)
    assert pid_of(guard) != before


@pytest.mark.fault("a hostile picture or video")
def test_a_child_that_stands_still_is_ended_at_the_limit(small: str, slow: str) -> None:
    guard = Guard(GuardLimits(seconds=3, memory_mb=1024))
    try:
        guard.encode(read(small, None), SPEC)
        before = pid_of(guard)
        thread, results = run_in_thread(guard, slow)
        until(lambda: "running" in _state_of(before))
        os.kill(before, signal.SIGSTOP)
        thread.join(20)
        assert isinstance(results[0], DecoderTimeout)
        assert is_gone(before)
        guard.encode(read(small, None), SPEC)
    finally:
        guard.close()


def test_a_child_that_died_between_two_files_costs_none(guard: Guard, small: str) -> None:
    guard.encode(read(small, None), SPEC)
    before = pid_of(guard)
    os.kill(before, signal.SIGKILL)
    until(lambda: is_gone(before))
    descriptors = len(os.listdir("/proc/self/fd"))
    guard.encode(read(small, None), SPEC)
    assert pid_of(guard) != before
    assert len(os.listdir("/proc/self/fd")) == descriptors


def _state_of(pid: int) -> str:
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return "running" if state == "R" else state


def test_close_ends_a_decode_under_way_at_once(guard: Guard, small: str, slow: str) -> None:
    guard.encode(read(small, None), SPEC)
    before = pid_of(guard)
    thread, results = run_in_thread(guard, slow)
    until(lambda: "running" in _state_of(before))
    began = time.monotonic()
    guard.close()
    thread.join(10)
    assert time.monotonic() - began < 2
    assert isinstance(results[0], Stopped)
    assert is_gone(before)
    with pytest.raises(Stopped):
        guard.encode(read(small, None), SPEC)


def test_the_terminal_and_systemd_do_not_stop_the_child_before_its_guard(guard: Guard, small: str) -> None:
    guard.encode(read(small, None), SPEC)
    pid = pid_of(guard)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    guard.encode(read(small, None), SPEC)
    assert pid_of(guard) == pid
    assert os.getpgid(pid) != os.getpgid(0)


def test_the_child_ends_with_its_guards_process_even_if_that_is_killed(tmp_path: Path, small: str) -> None:
    script = (
        "import sys, time\n"
        "from captiond.media.guard import Guard\n"
        "from captiond.media.reader import read\n"
        "from captiond.media.spec import EncodeSpec\n"
        "guard = Guard()\n"
        "guard.encode(read(sys.argv[1], None), EncodeSpec())\n"
        "print(guard.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, small], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert not is_gone(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    assert until(lambda: is_gone(pid))


def test_a_child_that_used_up_the_processors_time_is_a_timeout(guard: Guard, small: str, slow: str) -> None:
    guard.encode(read(small, None), SPEC)
    before = pid_of(guard)
    thread, results = run_in_thread(guard, slow)
    until(lambda: "running" in _state_of(before))
    os.kill(before, signal.SIGXCPU)
    thread.join(10)
    assert isinstance(results[0], DecoderTimeout)
    assert "30 s of processor time" in results[0].message


def test_a_confined_process_asks_to_be_killed_with_its_parent_and_can_write_nothing_to_an_open_file(
    tmp_path: Path,
) -> None:
    script = (
        "import os\n"
        "from captiond.media import landlock, limits, seccomp\n"
        "landlock.restrict = seccomp.restrict = lambda *_: 0\n"
        "limits.confine(os.getppid(), 512)\n"
        "asked = limits.ctypes.c_int()\n"
        "limits.ctypes.CDLL(None).prctl(2, limits.ctypes.byref(asked))\n"
        "try:\n"
        "    with open('written', 'w') as file: file.write('x')\n"
        "except OSError as error:\n"
        "    print(asked.value, error.strerror)\n"
    )
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{signal.SIGKILL.value} File too large\n"


def test_a_python_file_in_the_current_folder_is_not_run(tmp_path: Path, small: str) -> None:
    (tmp_path / "PIL.py").write_text("open('was-run', 'w')\n")
    (tmp_path / "json.py").write_text("open('was-run', 'w')\n")
    script = (
        "import os, sys\n"
        "from captiond.media.guard import Guard\n"
        "from captiond.media.reader import read\n"
        "from captiond.media.spec import EncodeSpec\n"
        "guard = Guard()\n"
        "print(len(guard.encode(read(sys.argv[1], None), EncodeSpec()).parts))\n"
        "guard.close()\n"
    )
    run = [sys.executable, "-P", "-c", script, small]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1\n"
    assert not (tmp_path / "was-run").exists()


def test_a_file_written_to_since_it_was_hashed_is_changed(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg")
    opened = read(str(path), None)
    samples.jpeg(path, samples.scene(100, 100))
    with pytest.raises(Changed):
        guard.encode(opened, SPEC)


@pytest.mark.fault("a file that is replaced while it is read")
def test_a_file_replaced_by_another_of_the_same_size_and_time_is_changed(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg")
    opened = read(str(path), None)
    other = tmp_path / "b.jpg"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(opened.stat.mtime_ns, opened.stat.mtime_ns))
    other.replace(path)
    with pytest.raises(Changed):
        guard.encode(opened, SPEC)


def test_a_file_touched_while_it_is_decoded_is_changed(guard: Guard, small: str, tmp_path: Path, slow: str) -> None:
    path = tmp_path / "copy.png"
    path.write_bytes(Path(slow).read_bytes())
    guard.encode(read(small, None), SPEC)
    thread, results = run_in_thread(guard, str(path))
    until(lambda: "running" in _state_of(pid_of(guard)))
    os.utime(path)
    thread.join(30)
    assert isinstance(results[0], Changed)


def test_a_file_that_is_gone_has_vanished(guard: Guard, small: str) -> None:
    opened = read(small, None)
    os.unlink(small)
    with pytest.raises(Vanished):
        guard.encode(opened, SPEC)


def test_nothing_is_leaked_over_good_files_bad_files_and_new_children(small: str, slow: str) -> None:
    guard = Guard(GuardLimits(seconds=0.3, memory_mb=1024))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        guard.encode(read(small, None), SPEC)
        with pytest.raises(DecoderTimeout):
            guard.encode(read(slow, None), SPEC)
    guard.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_large_picture_is_decoded_within_its_own_memory(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "large.jpg", samples.photo(4000, 3000))
    result = guard.encode(read(str(path), None), SPEC)
    (part,) = result.parts
    assert isinstance(part, ImagePart)
    assert (part.width, part.height) == (1568, 1176)
    status = Path(f"/proc/{pid_of(guard)}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 150_000


NOWHERE = {
    "bigtiff's directory": b"II+\0\x08\0\0\0" + (1 << 62).to_bytes(8, "little"),
    "bigtiff's directory beyond numbers": b"MM\0+\0\x08\0\0" + b"\xff" * 8,
    "matroska's segment": b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 6 + b"\xfe\x42\x82\x88matroska",
}


@pytest.mark.parametrize("start", NOWHERE.values(), ids=NOWHERE)
def test_a_place_that_no_file_can_have_is_a_fault_of_the_content(guard: Guard, tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "nowhere"
    path.write_bytes(start + bytes(200))
    with pytest.raises((Corrupt, Truncated)):
        guard.encode(read(str(path), None), SPEC)
    sniffed = identify.sniff(start)
    assert sniffed is not None
    assert header.picture_size(sniffed.format, io.BytesIO(start)) is None


@pytest.mark.parametrize("kind", MADE)
def test_any_damage_is_the_files_own_failure_or_none(guard: Guard, tmp_path: Path, kind: str) -> None:
    whole = MADE[kind](tmp_path / "whole").read_bytes()
    random = Random(kind)
    path, outcomes = tmp_path / "damaged", set()
    for _ in range(25):
        path.write_bytes(mutated(random, whole, whole))
        try:
            guard.encode(read(str(path), None), SPEC)
            outcomes.add("whole")
        except Failure as failure:
            outcomes.add(failure.code)
    # A size that was made huge, and still allowed, may be more than the memory.
    assert outcomes <= {"whole", "decoder_memory"} | {code for code, cls in FAILURES.items() if cls.fault is Fault.FILE}
    assert len(outcomes) > 1
