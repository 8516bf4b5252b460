"""No secret is told, wherever it stands and whatever a server does with it; and no prompt or caption is in the log."""

from __future__ import annotations

import base64
import functools
import json
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from drops import drop, picture
from fake_behaviour import (
    Behaviour,
    bad_json,
    completion,
    error,
    html,
    ok,
    raw,
    reasoning,
    redirect,
    refusal,
    truncated,
)
from fake_endpoint import FakeEndpoint, model_entry
from fake_protocol import Recorded
from program import Home, Program
from waiting import until
from web import Web

MARK = "c4n4ry"
"""Stands in every secret."""
KEY = f"sk-{MARK}/9f+2=='&<7Qz"
BODY_TOKEN = f"tok-{MARK}-in-extra-body"
LOGIN = f"anna:pw {MARK}@9"
LOGIN_IN_URL = quote(LOGIN, safe=":")
PUBLIC = f"http://public:pub-{MARK}@127.0.0.1:9/{{relpath}}"
PROXY = f"http://proxy:prx-{MARK}@127.0.0.1:9"
BASIC = base64.b64encode(LOGIN.encode()).decode()

QUESTION = "Who of the Xanthippe family is in this {kind}? Answer in one sentence."
SAID = "Melpomene Xanthippe sits"

PLACES = (
    "environment",
    pytest.param("file", marks=pytest.mark.slow),
    pytest.param("credential", marks=pytest.mark.slow),
)


def told(text: str) -> bool:
    """Whether a secret is in it, or the beginning of one."""
    return MARK in text or BASIC in text or BASIC[:12] in text


@dataclass
class Seen:
    """The service and its commands, after a server misbehaved in every way that it could think of."""

    home: Home
    log: str
    outputs: dict[str, str] = field(default_factory=dict)
    limits: str = ""


def headers_back(status: int, before: str = "", after: str = "") -> Behaviour:
    """A server, or a proxy, that shows the request which it did not like."""

    def body(recorded: Recorded) -> bytes:
        return f"{before}{dict(recorded.headers)}{after}".encode()

    return Behaviour(status=status, body=body, content_type="text/plain")


REFUSALS = [
    error(401, f"Incorrect API key provided: {KEY}.", shape="message"),
    error(403, f"The key {KEY} may not do this"),
    redirect(f"https://elsewhere.example/?api_key={KEY}"),
    headers_back(407),
]
"""After these the service asks no more for a minute."""
MISBEHAVIOURS = [
    error(400, f"bad request: Bearer {KEY}"),
    error(422, json.dumps({"input": QUESTION, "authorization": KEY})),
    error(500, f"Traceback: call(prompt={QUESTION.replace('{kind}', 'image')!r}, key={KEY!r})", shape="message"),
    headers_back(500),
    headers_back(502, "<html><style>" + "x" * 4700 + "</style>", "</html>"),
    raw(f"<p>{quote(KEY, safe='')} is no key</p>".encode(), content_type="text/html"),
    html(),
    raw(json.dumps({"error": {"code": 502, "message": f"upstream refused {KEY}"}}).encode()),
    bad_json(),
    truncated(ok(f"{KEY} " * 50)),
    refusal(f"I'm sorry, but I can't help with that key {KEY}."),
    reasoning(f"The user's key is {KEY}.", ""),
    ok(f"A sign that says {KEY}.", finish=f"length {KEY}"),
    raw(json.dumps(completion(f"A note with {KEY} on it.", model=f"model-{KEY}")).encode()),
]
LAST = f"{len(MISBEHAVIOURS) - 1}.jpg"
"""The file whose caption repeats the key."""


def configure(home: Home, fake: FakeEndpoint, place: str) -> dict[str, str]:
    """Secrets in every place of the configuration; the environment with those that stand there."""
    endpoint = {
        "environment": 'api_key_env = "MY_KEY"',
        "file": f'api_key_file = "{home.folder}/given/key"',
        "credential": "",
    }[place]
    home.base_url = fake.base_url
    home.configure(
        endpoint=endpoint,
        recipe=f'extra_body = {{ api_token = "{BODY_TOKEN}" }}\nsystem = "{QUESTION}"',
        queue="max_attempts = 2",
        more=f'[log]\nlevel = "{"info" if place == "file" else "debug"}"',
    )
    home.config.write_text(home.config.read_text().replace("Describe this {kind}.", QUESTION))
    given = home.folder / "given"
    given.mkdir(mode=0o700)
    environ = {"HTTP_PROXY": PROXY, "https_proxy": PROXY, "NO_PROXY": "127.0.0.1"}
    if place == "environment":
        return environ | {"MY_KEY": KEY}
    name = {"file": "key", "credential": "api-key"}[place]
    (given / name).write_text(KEY + "\n")
    (given / name).chmod(0o600)
    return environ | ({"CREDENTIALS_DIRECTORY": str(given)} if place == "credential" else {})


def listed(fake: FakeEndpoint) -> None:
    """Its list of models repeats the key as well."""
    entry = {**model_entry(), "name": f"made for {KEY}", "description": KEY}
    fake.models = [entry, {**model_entry(f"custom-{KEY}")}]


@pytest.fixture(scope="module", params=PLACES)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("secrets")
    pages = folder / "pages"
    pages.mkdir()
    (pages / "cat.jpg").write_bytes(picture("cat"))
    with FakeEndpoint(key=KEY, default=ok(f"{SAID} in a garden.")) as fake, Web(pages, LOGIN) as web:
        listed(fake)
        home = Home(folder / "home")
        environ = configure(home, fake, request.param)
        url = f"http://{LOGIN_IN_URL}@{web.host}/cat.jpg"
        outputs: dict[str, str] = {}

        def call(*args: str) -> None:
            ended = home.call(*args, env=environ)
            outputs[" ".join(args)] = ended.stdout + ended.stderr
            assert "Traceback" not in ended.stderr, ended.stderr

        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # inherited: a dump would be written
        with home.run(env=environ) as program:
            for number, behaviour in enumerate(MISBEHAVIOURS):
                fake.script(behaviour)
                drop(home.inbox / f"{number}.jpg", str(number))
                until(functools.partial(settled, home, f"{number}.jpg"))
            home.sidecar(LAST)
            call("caption", url)
            call("caption", url.replace("cat", "dog"))
            call("status")
            limits = Path(f"/proc/{program.process.pid}/limits").read_text()
            reloaded(home, program)
            call("db", "backup", str(home.folder / "backup.db"))
            program.process.send_signal(signal.SIGSEGV)
            program.process.wait(10)
            logs = [program.text]
        for number, behaviour in enumerate(REFUSALS):
            fake.script(behaviour)
            drop(home.inbox / f"refused-{number}.jpg", f"refused {number}")
            with home.run(env=environ) as program:
                program.event("endpoint_paused")
            logs.append(program.text)
        fake.script(*MISBEHAVIOURS[2:5])
        call("check", "--call")
        call("models")
        call("models", "--json")
        call("config")
        call("config", "--json")
        call("status", "--json", "--errors", "100")
        for name in ("0.jpg", "9.jpg", "refused-0.jpg", LAST):
            call("show", str(home.inbox / name), "--history")
            call("show", str(home.inbox / name), "--history", "--json")
        call("search", "--json")
        fake.script(REFUSALS[0], *MISBEHAVIOURS[-2:])
        call("try", str(home.inbox / "1.jpg"), url, "-p", "One?", "-p", "Two?", "--html", str(home.folder / "try.html"))
        call("caption", "--json", url)
        outputs["a crash of the program"] = crashed(home, environ)
        yield Seen(home, "".join(logs), outputs, limits)


def settled(home: Home, name: str) -> bool:
    job = home.jobs().get(name)
    return job is not None and job["state"] in ("done", "failed")


def reloaded(home: Home, program: Program) -> None:
    """A new configuration that is wrong where secrets stand."""
    good = home.config.read_text()
    lines = f'concurrency = 4\napi_key = "{KEY[:12]}"\nheaders = {{ Authorization = "{BODY_TOKEN}" }}'
    wrong = good.replace("concurrency = 4", lines).replace("http://127", f"http://u:pw-{MARK}@127")
    home.config.write_text(wrong.replace("[[watch]]", f'[[watch]]\npublic_url = "{PUBLIC}"'))
    program.signal(signal.SIGHUP)
    program.event("reload_refused")
    home.config.write_text(good)


def crashed(home: Home, environ: dict[str, str]) -> str:
    """What is printed when a bug meets a secret: the real program's entry, and a configuration that raises it."""
    script = (
        "import sys, captiond.cli.app as app\n"
        "def broken(self): raise RuntimeError(f'request with {sys.argv.pop()} failed')\n"
        "app.App.reload = broken\n"
        "from captiond.redact import register_secret; register_secret(sys.argv[-1])\n"
        "from captiond.cli.main import program\n"
        "program(['status'])\n"
    )
    run = [sys.executable, "-c", script, KEY]
    ended = subprocess.run(
        run, env=home.environment() | environ, cwd=home.folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "RuntimeError" in ended.stderr
    return ended.stdout + ended.stderr


def test_the_server_was_asked_with_the_key_and_each_file_came_to_its_end(seen: Seen) -> None:
    jobs = seen.home.jobs()
    assert len([name for name in jobs if name != "cat.jpg"]) >= len(MISBEHAVIOURS)
    assert {job["state"] for name, job in jobs.items() if not name.startswith("refused")} <= {"done", "failed"}
    reasons = {row["outcome"] for row in seen.home.rows("SELECT outcome FROM call")}
    assert {"unauthorized", "forbidden", "redirected", "bad_request", "server_error", "bad_response"} <= reasons
    assert jobs["cat.jpg"]["state"] == "done"


@pytest.mark.fault("the key")
def test_the_log_has_no_secret(seen: Seen) -> None:
    assert len(seen.log.splitlines()) > len(MISBEHAVIOURS)
    assert [line for line in seen.log.splitlines() if told(line)] == []


@pytest.mark.fault("the key")
def test_no_command_prints_one(seen: Seen) -> None:
    assert {name for name, text in seen.outputs.items() if told(text)} == set()
    assert "**********" in "".join(seen.outputs.values())


@pytest.mark.fault("the key")
def test_no_file_holds_one_but_those_that_it_was_written_into(seen: Seen) -> None:
    """Database, journal, backup, sidecars, downloads, page, core dump: whatever is there."""
    ours = {seen.home.config, *(seen.home.folder / "given").iterdir()}
    files = [path for path in seen.home.folder.rglob("*") if path.is_file() and path not in ours]
    names = {path.name for path in files}
    assert {"captions.db", "backup.db", "try.html", f"{LAST}.caption.json"} <= names
    assert [path for path in files if told(path.read_bytes().decode("latin-1"))] == []
    assert not any(name == "core" or name.startswith("core.") for name in names)
    assert not [*(seen.home.folder / "state" / "downloads").iterdir()]


@pytest.mark.fault("the key")
def test_a_core_dump_is_not_even_allowed(seen: Seen) -> None:
    line = next(line for line in seen.limits.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]


def test_above_debug_neither_prompt_nor_caption_is_in_the_log(seen: Seen) -> None:
    caption = seen.home.captions()["2.jpg"]["caption"]
    assert SAID in caption
    lines = seen.log.splitlines()
    assert [line for line in lines if "Xanthippe" in line and '"level": "debug"' not in line] == []
    if '"level": "debug"' in seen.log:
        assert SAID in seen.log
    assert "Xanthippe" not in "".join(row["detail"] or "" for row in seen.home.jobs().values())


@pytest.mark.fault("the key")
def test_a_proxys_password_is_not_told_when_the_proxy_refuses_and_repeats_it(tmp_path: Path) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(407)
            self.end_headers()
            self.wfile.write(f"{self.headers} {address}".encode())

        def do_CONNECT(self) -> None:
            self.do_POST()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        password = f"prx-{MARK}"
        address = f"http://proxy:{password}@127.0.0.1:{proxy.server_address[1]}"
        basic = base64.b64encode(f"proxy:{password}".encode()).decode()
        for base_url in ("http://models.example/v1", "https://models.example/v1"):
            home = Home(tmp_path / base_url.partition(":")[0], base_url)
            environ = {"HTTP_PROXY": address, "HTTPS_PROXY": address}
            with home.run(env=environ) as program:
                drop(home.inbox / "a.jpg")
                program.event("endpoint_paused")
            checked = home.call("check", "--call", env=environ)
            text = program.text + checked.stdout + checked.stderr
            assert "407" in text
            assert MARK not in text
            assert basic not in text
            for path in home.folder.rglob("*"):
                assert not path.is_file() or MARK.encode() not in path.read_bytes()
        proxy.shutdown()


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{KEY}"',
        f'api_key_env = "sk{MARK}aaaaaaaaaaaaaa1"',
        f'api_key_file = "sk-{MARK}-aaaaaaaaaaaaaa1"',
        f'headers = {{ Authorization = "Bearer {KEY}" }}',
        f'extra_body = {{ api_key = "{KEY}" }}',
    ],
)
def test_a_key_written_where_it_does_not_belong_is_not_repeated(tmp_path: Path, line: str) -> None:
    home = Home(tmp_path)
    home.configure(endpoint=line)
    for command in ("run", "check", "config", "status"):
        ended = home.call(command)
        assert ended.returncode == 78, command
        assert not told(ended.stdout + ended.stderr)


def test_memory_is_shown_to_root_alone() -> None:
    script = (
        "import ctypes, os\n"
        "from captiond.hardening import keep_memory_private\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
        "seen = lambda: 'root' if os.stat('/proc/self/environ').st_uid == 0 else 'user'\n"
        "before = seen()\n"
        "keep_memory_private()\n"
        "print(before, seen())\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "user root\n"
