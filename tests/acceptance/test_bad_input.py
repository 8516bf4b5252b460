"""Bad input through the real program: one service meets everything at once, and each thing ends with its own reason."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import media_samples as made
from drops import drop, drop_many, picture
from fake_endpoint import FakeEndpoint, echo
from processes import children, descriptors, threads, without_override
from program import Home, Program
from waiting import until


def _html(path: Path) -> None:
    path.write_text("<!doctype html><title>Sign in</title><p>404\n" * 30)


def _huge(path: Path) -> None:
    made.png_of_size(path, 20_000, 15_000)


def _unreadable(path: Path) -> None:
    drop(path)
    path.chmod(0)


def _link_out(path: Path) -> None:
    outside = path.parent.parent.parent / "outside"
    outside.mkdir(exist_ok=True)
    path.symlink_to(drop(outside / "secret.jpg"))


FAILS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "cut.jpg": ("truncated", lambda path: made.truncated(made.jpeg(path, made.photo(640, 480)))),
    "cut.png": ("truncated", lambda path: made.truncated(made.png(path, made.photo(640, 480)))),
    "zero.jpg": ("empty", lambda path: path.write_bytes(b"")),
    "no-pixels.gif": ("no_pixels", made.gif_of_no_pixels),
    "no-pixels.png": ("no_pixels", lambda path: made.png_of_size(path, 0, 0)),
    "300-megapixels.png": ("too_many_pixels", _huge),
    "text.jpg": ("not_media", made.text),
    "page.png": ("not_media", _html),
    "zeros.jpg": ("not_media", lambda path: path.write_bytes(bytes(5000))),
    "noise.jpg": ("corrupt", lambda path: made.garbage_after(made.jpeg(path))),
    "no-key-frame.mp4": ("no_key_frame", made.no_key_frame),
    "no-index.mp4": ("truncated", made.without_index),
    "sound.mp4": ("no_video_stream", made.audio_only),
    "playlist.mp4": ("not_media", lambda path: made.playlist(path, Path("/etc/hostname"))),
    "locked.jpg": ("unreadable", _unreadable),
    "link-out.jpg": ("link_outside_root", _link_out),
    "photo.psb": ("unsupported", lambda path: path.write_bytes(b"8BPS\0\2" + bytes(200))),
}
"""Name -> the reason it fails with, and how it is made."""

ODD_NAMES = [
    b"not-utf8-\xe9\xff.jpg",
    b"new\nline.jpg",
    b"quo'te\"s $(touch x) `y`.jpg",
    b"<img src=x onerror=alert(1)>.jpg",
    b" lead and trail .jpg",
    b"\x1b[31mred\x1b[0m.jpg",
    b"-rf.jpg",
    "ünï\u202egpj.jpg".encode(),
]
TOO_LONG = "l" * 246 + ".jpg"
"""250 bytes: a name that a file may have, but not its sidecar."""


@dataclass
class Seen:
    """The service after it has met everything."""

    home: Home
    fake: FakeEndpoint
    program: Program
    errors: dict[str, dict[str, Any]]
    before: tuple[int, int]
    after: tuple[int, int]


def _open(folder: bytes, name: bytes) -> str:
    return os.fsdecode(os.path.join(folder, name))


def _make(home: Home) -> None:
    for name, (_, make) in FAILS.items():
        folder = home.inbox / name.replace(".", "_")
        folder.mkdir()
        make(folder / name)
        drop(folder / f"beside-{name}.jpg")
    odd = os.fsencode(home.inbox / "odd")
    os.mkdir(odd)
    for odd_name in ODD_NAMES:
        Path(_open(odd, odd_name)).write_bytes(picture(odd_name))
    drop(home.inbox / "odd" / TOO_LONG)
    # Named wrongly, but well.
    made.png(home.inbox / "a-png.jpg")
    made.jpeg(home.inbox / "no-extension")
    made.video(home.inbox / "a-video.jpg", "mp4", seconds=1)
    # Nothing to take up.
    (home.inbox / "folder.jpg").mkdir()
    drop(home.inbox / "folder.jpg" / "in-folder.jpg")
    os.mkfifo(home.inbox / "pipe.jpg")
    (home.inbox / "dangling.jpg").symlink_to("nowhere.jpg")
    (home.inbox / "itself.jpg").symlink_to("itself.jpg")
    (home.inbox / "linked.jpg").symlink_to(drop(home.inbox / "target.jpg"))
    (home.inbox / "loop").mkdir()
    (home.inbox / "loop" / "again").symlink_to(home.inbox)
    drop(home.inbox / "loop" / "in-loop.jpg")
    (home.inbox / "notes.txt").write_text("Not named like media, and none.")
    drop_many(home.inbox / "@eaDir" / "junk", 300)
    drop_many(home.inbox / ".hidden", 100)
    for number in range(100):
        (home.inbox / f"{number}.jpg.part").write_bytes(picture(f"part {number}"))
        (home.inbox / f"._{number}.jpg").write_bytes(picture(f"fork {number}"))
    (home.inbox / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (home.inbox / "foreign.jpg.caption.json").write_text('{"schema": "captiond/1"}')


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path_factory.mktemp("bad"), fake.base_url)
        home.configure(queue="max_attempts = 2", watch="scan_seconds = 2")
        prefix = without_override()
        if prefix is None:
            pytest.skip("root, without setpriv to give up its right to read everything")
        home.prefix = prefix
        (home.folder / "tmp").mkdir()
        with home.run(env={"TMPDIR": str(home.folder / "tmp")}) as program:
            pid = program.process.pid
            home.captioned(*drop_many(home.inbox / "first", 40, "first-"))
            before = (len(descriptors(pid)), threads(pid))
            _make(home)
            expected = 40 + len(FAILS) + len(ODD_NAMES) + 1 + 3 + 1 + 2 + 1
            home.captioned(
                "a-video.jpg", "in-loop.jpg", TOO_LONG, *(f"beside-{name}.jpg" for name in FAILS), timeout=60
            )
            for name in FAILS:
                home.failed(name, timeout=60)
            until(lambda: home.rows("SELECT count(*) AS n FROM captions")[0]["n"] >= expected, timeout=30)
            # Two more scans: what is decided is not done again.
            scans = home.rows("SELECT scanned_at FROM root")[0]["scanned_at"]
            until(lambda: home.rows("SELECT scanned_at FROM root")[0]["scanned_at"] > scans + 2, timeout=30)
            after = (len(descriptors(pid)), threads(pid))
            status = json.loads(home.call("status", "--json", "--errors", "100").stdout)
            errors = {error["path"].rpartition("/")[2]: error for error in status["errors"]}
            for kind in status["unsupported"]:  # each of them stands for one file here
                errors[kind["path"].rpartition("/")[2]] = kind
            yield Seen(home, fake, program, errors, before, after)


@pytest.mark.parametrize("name", FAILS)
def test_it_fails_with_its_own_reason_in_status_and_show(seen: Seen, name: str) -> None:
    reason = FAILS[name][0]
    path = seen.home.inbox / name.replace(".", "_") / name
    error = seen.errors[name]
    assert (error["reason"], error["path"]) == (reason, str(path))
    assert error["message"]
    assert error["remedy"]
    shown = json.loads(seen.home.call("show", "--json", str(path)).stdout)
    state = "unsupported" if reason == "unsupported" else "failed"
    assert (shown["job"]["state"], shown["job"]["reason"]) == (state, reason)
    assert shown["captions"] == []
    assert not path.with_name(name + ".caption.json").exists()


@pytest.mark.fault("a hostile picture or video")
def test_the_good_file_beside_each_is_captioned_and_nothing_bad_was_sent(seen: Seen) -> None:
    captions = seen.home.captions()
    assert {f"beside-{name}.jpg" for name in FAILS} <= set(captions)
    assert not set(FAILS) & set(captions)
    assert not seen.fake.violations


def test_nothing_failed_but_what_is_bad(seen: Seen) -> None:
    assert set(seen.errors) == set(FAILS)


def test_content_counts_and_not_the_extension(seen: Seen) -> None:
    captions = seen.home.captions()
    assert {name: captions[name]["mime"] for name in ("a-png.jpg", "no-extension", "a-video.jpg")} == {
        "a-png.jpg": "image/png", "no-extension": "image/jpeg", "a-video.jpg": "video/mp4",
    }  # fmt: skip
    assert captions["a-video.jpg"]["kind"] == "video"


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.fault("odd names")
def test_a_file_with_an_odd_name_is_captioned_shown_escaped_and_has_its_sidecar(seen: Seen, name: bytes) -> None:
    folder = os.fsencode(seen.home.inbox / "odd")
    path = _open(folder, name)
    sidecar = Path(path + ".caption.json")
    until(sidecar.exists)
    document = json.loads(sidecar.read_bytes().decode())
    shown = seen.home.call("show", path)
    assert shown.returncode == 0
    assert document["caption"].split("(")[0] in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "\u202e" not in shown.stdout
    assert "new\nline" not in shown.stdout
    as_json = json.loads(seen.home.call("show", "--json", path).stdout)
    assert as_json["file"]["path"].endswith("/" + document["file"])


def test_every_name_has_a_caption_of_its_own_bytes(seen: Seen) -> None:
    digests = {row["sha256"] for row in seen.home.rows("SELECT * FROM captions WHERE path LIKE '%/odd/%'")}
    assert len(digests) == len(ODD_NAMES) + 1


def test_a_name_too_long_for_its_sidecar_is_captioned_and_the_sidecar_told_of(seen: Seen) -> None:
    shown = json.loads(seen.home.call("show", "--json", str(seen.home.inbox / "odd" / TOO_LONG)).stdout)
    assert shown["captions"][0]["caption"]
    assert shown["sidecar"]["state"] == "refused"
    assert "long" in shown["sidecar"]["reason"]


def test_what_is_no_file_is_not_taken_up(seen: Seen) -> None:
    known = {row["name"] for row in seen.home.rows("SELECT name FROM file")}
    assert not known & {"folder.jpg", "pipe.jpg", "dangling.jpg", "itself.jpg", "again"}
    assert {"in-folder.jpg", "in-loop.jpg", "linked.jpg"} <= set(seen.home.captions())
    assert len(seen.home.rows("SELECT 1 FROM file WHERE name = 'in-loop.jpg'")) == 1


def test_a_link_within_the_root_costs_no_second_call(seen: Seen) -> None:
    digest = seen.home.captions()["target.jpg"]["sha256"]
    assert seen.home.captions()["linked.jpg"]["sha256"] == digest
    assert sum(1 for request in seen.fake.requests if digest in {part.sha256 for part in request.media}) == 1


@pytest.mark.fault("a link out of the root")
def test_what_lies_outside_the_root_was_not_read_or_written(seen: Seen) -> None:
    secret = io.BytesIO((seen.home.folder / "outside" / "secret.jpg").read_bytes()).getvalue()
    assert all(part.data != secret for request in seen.fake.requests for part in request.media)
    assert [path.name for path in (seen.home.folder / "outside").iterdir()] == ["secret.jpg"]


def test_junk_is_not_even_looked_at(seen: Seen) -> None:
    rows = seen.home.rows("SELECT folder, name FROM file")
    assert not [row["name"] for row in rows if "@eaDir" in row["folder"] or ".hidden" in row["folder"]]
    assert not [row["name"] for row in rows if row["name"].startswith(".") or row["name"].endswith((".part", ".json"))]


def test_nothing_is_left_behind(seen: Seen) -> None:
    pid = seen.program.process.pid
    assert seen.program.process.poll() is None
    assert len(children(pid)) <= (os.cpu_count() or 1)
    assert seen.after[0] <= seen.before[0] + 3
    assert seen.after[1] <= seen.before[1] + 2
    assert list((seen.home.folder / "tmp").iterdir()) == []
    ours = [path.name for path in seen.home.inbox.rglob("*") if "caption" in path.name]
    assert all(name.endswith(".jpg.caption.json") or name == "no-extension.caption.json" for name in ours)
    assert not seen.program.lines("internal")
    assert "Traceback" not in seen.program.text


def test_decided_files_are_not_tried_again(seen: Seen) -> None:
    attempts = {name: row["attempts"] for name, row in seen.home.jobs().items() if name in FAILS}
    assert attempts.pop("locked.jpg") == 2
    assert set(attempts.values()) == {1}
    jobs = seen.home.rows("SELECT count(*) AS n FROM job GROUP BY file_id ORDER BY n DESC LIMIT 1")
    assert jobs[0]["n"] == 1


def test_a_file_that_becomes_readable_is_captioned_without_a_retry(seen: Seen) -> None:
    (seen.home.inbox / "locked_jpg" / "locked.jpg").chmod(0o644)
    seen.home.captioned("locked.jpg")


def test_a_bad_file_that_is_replaced_by_a_good_one_is_captioned(seen: Seen) -> None:
    drop(seen.home.inbox / "text_jpg" / "text.jpg", "good now")
    seen.home.captioned("text.jpg")
    until(lambda: seen.home.jobs()["text.jpg"]["state"] == "done")
