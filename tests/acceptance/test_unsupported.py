"""What is not supported is a state of its own: told, counted, and not tried again until something changed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from captiond.media.versions import software
from drops import drop, picture
from fake_endpoint import FakeEndpoint
from program import Home
from waiting import until

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def status(home: Home) -> dict[str, object]:
    found: dict[str, object] = json.loads(home.call("status", "--json").stdout)
    return found


def attempts(home: Home, name: str) -> tuple[str, int, int]:
    """The newest job's state and attempts, and how many jobs there were."""
    (count,) = home.rows("SELECT count(*) AS n FROM job JOIN file ON file.id = job.file_id WHERE file.name = ?", name)
    job = home.jobs()[name]
    return job["state"], job["attempts"], count["n"]


def test_it_is_counted_shown_and_not_retried_with_the_failed_ones(home: Home, fake: FakeEndpoint) -> None:
    (home.inbox / "drawing.svg").write_bytes(SVG)
    (home.inbox / "broken.jpg").write_bytes(picture("broken")[:40])
    with home.run() as program:
        assert home.failed("drawing.svg")["state"] == "unsupported"
        assert home.failed("broken.jpg")["state"] == "failed"
        (line,) = [one for one in program.lines("job") if one["path"].endswith("drawing.svg")]
        assert (line["outcome"], line["reason"], line["level"]) == ("unsupported", "unsupported", "info")
        assert line["remedy"]
        document = status(home)
        assert document["queue"] == {"queued": 0, "running": 0, "done": 0, "failed": 1, "unsupported": 1}
        assert document["roots"][0]["unsupported"] == 1  # type: ignore[index]  # plain JSON
        assert document["unsupported"] == [
            {
                "reason": "unsupported",
                "remedy": "convert the file to JPEG, PNG or MP4",
                "message": "The format is known, but can't be read here: SVG",
                "files": 1,
                "path": str(home.inbox / "drawing.svg"),
            }
        ]
        text = home.call("status").stdout
        assert "1 failed, 1 unsupported" in text
        assert "1 file, such as" in text
        shown = home.call("show", str(home.inbox / "drawing.svg")).stdout
        assert "unsupported" in shown
        assert "convert the file" in shown
        assert json.loads(home.call("retry", "--all", "--json").stdout) == {"queued": 1}
        until(lambda: home.jobs()["broken.jpg"]["state"] == "failed")
        assert attempts(home, "drawing.svg") == ("unsupported", 1, 1)


def test_a_folder_leaves_it_alone_and_its_own_name_tries_it(home: Home, fake: FakeEndpoint) -> None:
    path = home.inbox / "drawing.svg"
    path.write_bytes(SVG)
    assert home.call("caption", str(path)).returncode == 1
    below = home.call("retry", str(home.inbox))
    assert "0 files queued" in below.stdout
    assert "unsupported, and left alone" in below.stderr
    named = home.call("retry", str(path))
    assert "1 file queued" in named.stdout
    assert home.jobs()["drawing.svg"]["state"] == "queued"


def test_caption_says_so_and_ends_with_one(home: Home, fake: FakeEndpoint) -> None:
    path = home.folder / "drawing.svg"
    path.write_bytes(SVG)
    good = drop(home.folder / "good.jpg")
    ended = home.call("caption", str(path), str(good))
    assert ended.returncode == 1
    assert "drawing.svg: The format is known, but can't be read here: SVG (convert the file" in ended.stderr
    assert "1 captioned, 0 failed, 1 unsupported" in ended.stderr
    told = {Path(one["path"]).name: one for one in json.loads(home.call("caption", "--json", str(path)).stdout)}
    assert (told["drawing.svg"]["state"], told["drawing.svg"]["reason"]) == ("unsupported", "unsupported")


def test_it_is_taken_up_when_the_file_changes(home: Home, fake: FakeEndpoint) -> None:
    path = home.inbox / "drawing.svg"
    path.write_bytes(SVG)
    with home.run():
        home.failed("drawing.svg")
        path.write_bytes(picture("a photo after all"))
        home.captioned("drawing.svg")


def test_a_start_with_the_same_software_leaves_it_and_another_one_tries_it_once(home: Home, fake: FakeEndpoint) -> None:
    path = home.inbox / "drawing.svg"
    path.write_bytes(SVG)
    with home.run():
        home.failed("drawing.svg")
    assert home.jobs()["drawing.svg"]["unsupported_by"] == software()
    with home.run() as program:
        until(lambda: home.rows("SELECT 1 FROM root WHERE scanned_at IS NOT NULL"))
        assert not program.lines("reconsidered")
    assert attempts(home, "drawing.svg") == ("unsupported", 1, 1)
    earlier = home.jobs()["drawing.svg"]["finished_at"]
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job SET unsupported_by = 'captiond 0.0.1, pillow 1.0'")
    with home.run() as program:
        assert program.event("reconsidered")["files"] == 1
        until(lambda: (home.jobs()["drawing.svg"]["finished_at"] or 0) > earlier)
    job = home.jobs()["drawing.svg"]
    assert (job["state"], job["unsupported_by"]) == ("unsupported", software())
    assert not fake.requests
