"""captiond under a real systemd, installed by `captiond install`: what the unit promises is tried, one line after the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from document import OPERATIONS, prose
from drops import drop
from fake_endpoint import FakeEndpoint, echo, hang
from processes import HeldThread, switches
from systemd_machine import CAPTIOND, Machine, booted
from waiting import until

pytestmark = pytest.mark.slow

KEY = "sk-canary-of-the-credential"
MEDIA = "/srv/media"
CONFIG = """
[database]
url = "sqlite:////var/lib/captiond{suffix}/captions.db"

[endpoints.fake]
base_url = "{base_url}"
api_key_env = "NOT_SET"
model = "fake-vision-1"
concurrency = 2
timeout_seconds = {timeout}

[recipes.default]
prompt = "{prompt}"
endpoint = "fake"

[queue]
backoff_seconds = 0.1
pause_seconds = 0.2

[[watch]]
path = "{root}"
settle_seconds = 0.2
scan_seconds = 1
"""
BROKEN = {
    "status=2/INVALIDARGUMENT": f"ExecStart=\nExecStart={CAPTIOND} run --no-such-option",
    "status=78/CONFIG": f"ExecStart=\nExecStart={CAPTIOND} --config /not-there run",
    "status=203/EXEC": "ExecStart=\nExecStart=/home/ada/captiond run",
    "status=216/GROUP": "SupplementaryGroups=no-such-group",
    "status=226/NAMESPACE": "ReadWritePaths=/srv/not-there",
    "status=243/CREDENTIALS": "LoadCredential=api-key:/etc/not-there",
    "start operation timed out": "TimeoutStartSec=1\nExecStart=\nExecStart=/bin/sleep 60",
    "Start request repeated too quickly": "RestartSec=100ms\nExecStart=\nExecStart=/bin/false\n[Unit]\nStartLimitBurst=1",
}
"""What systemd says of a service, and the drop-in that makes it say so."""
SANDBOX = Path(__file__).parents[1] / "data" / "sandbox_probe.py"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with booted() as machine:
        machine.run("groupadd", "media")
        machine.run("useradd", "--create-home", "--groups", "media", "ada")
        yield machine


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    """An endpoint that wants the key of the credential."""
    with FakeEndpoint(key=KEY, default=echo()) as endpoint:
        yield endpoint


class Installed:
    """The service of one test, with an empty archive."""

    def __init__(self, machine: Machine, base_url: str) -> None:
        self.machine = machine
        self.base_url = base_url
        self.media = machine.path(MEDIA)
        self._cursor = (
            machine.run("journalctl", "--lines=1", "--output=cat", "--show-cursor").split("-- cursor: ")[1].strip()
        )

    def configure(
        self, *, root: str = MEDIA, prompt: str = "Describe it.", timeout: int = 10, instance: str = ""
    ) -> None:
        """Write the configuration, and open its root."""
        name, suffix = (instance, f"-{instance}") if instance else ("config", "")
        text = CONFIG.format(suffix=suffix, base_url=self.base_url, prompt=prompt, root=root, timeout=timeout)
        self.machine.write(f"/etc/captiond/{name}.toml", text)
        self.machine.run(CAPTIOND, "install", *(["--instance", instance] if instance else []))

    def drop_in(self, text: str, unit: str = "captiond") -> None:
        """A drop-in as `systemctl edit` writes it."""
        self.machine.write(f"/etc/systemd/system/{unit}.service.d/override.conf", text)
        self.machine.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Start it; returns when it has said that it is ready."""
        self.machine.run("systemctl", "start", "captiond")

    def drop(self, *names: str, folder: str = MEDIA) -> None:
        """Put pictures into a folder, each one its own."""
        for name in names:
            drop(self.machine.path(folder) / name)

    def sidecar(self, name: str, folder: str = MEDIA) -> Path:
        """Wait for a picture's sidecar."""
        path = self.machine.path(f"{folder}/{name}.caption.json")
        try:
            until(path.exists, timeout=30)
        except AssertionError as error:
            error.add_note(self.log())
            raise
        return path

    def jobs(self, copy: Path) -> list[tuple[str, int]]:
        """The state and the attempts of each job, from a copy of the database of a service that has stopped."""
        shutil.copyfile(self.machine.path("/var/lib/captiond/captions.db"), copy)
        with closing(sqlite3.connect(copy)) as connection:
            return connection.execute("SELECT state, attempts FROM job ORDER BY id").fetchall()

    def log(self) -> str:
        """All that systemd and the service have said of it in this test."""
        return self.machine.run("journalctl", "--unit=captiond", "--output=cat", f"--after-cursor={self._cursor}")


@pytest.fixture
def service(machine: Machine, fake: FakeEndpoint) -> Iterator[Installed]:
    """Installed and configured, not started; all of it is gone after the test."""
    machine.write("/etc/credstore/captiond.api-key", f"{KEY}\n", 0o600)
    machine.run("sh", "-c", f"mkdir -p {MEDIA} && chmod 777 {MEDIA}")
    service = Installed(machine, fake.base_url)
    service.configure()
    yield service
    machine.call("rm", "-rf", "/etc/systemd/system/captiond.service.d/override.conf", MEDIA)
    machine.run(CAPTIOND, "uninstall", "--purge-state")


@pytest.mark.fault("the key")
def test_it_is_ready_when_start_returns_and_asks_with_the_key_of_the_credential(
    service: Installed, fake: FakeEndpoint
) -> None:
    service.start()
    assert service.machine.property("ActiveState") == "active"
    assert "1 root" in service.machine.property("StatusText")
    service.drop("a.jpg")
    service.sidecar("a.jpg")
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in service.log()
    # Nobody else gets at it, and the service's own environment does not have it.
    pid = service.machine.pid()
    assert KEY.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    found = service.machine.call("sh", "-c", "cat /run/credentials/*/api-key /etc/credstore/*", user="ada")
    assert KEY not in found.stdout


def test_without_a_key_in_the_credential_store_it_starts_and_says_what_is_missing(
    service: Installed, fake: FakeEndpoint
) -> None:
    service.machine.path("/etc/credstore/captiond.api-key").unlink()
    service.drop("a.jpg")
    service.start()
    assert service.machine.property("ActiveState") == "active"
    until(lambda: "NOT_SET is not set" in service.log())
    assert not fake.requests


@pytest.mark.fault("a bad configuration")
def test_a_reload_takes_the_new_configuration_and_a_broken_one_leaves_the_old_in_force(
    service: Installed, fake: FakeEndpoint
) -> None:
    service.start()
    pid = service.machine.property("MainPID")
    service.configure(prompt="What is new?")
    service.machine.run("systemctl", "reload", "captiond")
    service.drop("a.jpg")
    service.sidecar("a.jpg")
    assert "What is new?" in fake.requests[-1].text
    service.machine.write("/etc/captiond/config.toml", "nonsense = true\n")
    service.machine.run("systemctl", "reload", "captiond")
    assert "reload_refused" in service.log()
    service.drop("b.jpg")
    service.sidecar("b.jpg")
    assert "What is new?" in fake.requests[-1].text
    assert (service.machine.property("ActiveState"), service.machine.property("MainPID")) == ("active", pid)
    service.configure()


@pytest.mark.fault("a process that hangs")
def test_a_process_that_hangs_is_started_again_by_the_watchdog(service: Installed) -> None:
    service.drop_in("[Service]\nWatchdogSec=3\nRestartSec=100ms\n")
    service.start()
    hung = service.machine.pid()
    os.kill(hung, signal.SIGSTOP)
    began = time.monotonic()
    until(lambda: service.machine.property("NRestarts") == "1", timeout=30, interval=0.1)
    until(lambda: service.machine.property("ActiveState") == "active", timeout=30, interval=0.1)
    assert time.monotonic() - began < 2 * 3 + 10  # twice the watchdog's time, and a start
    assert "watchdog" in service.log().lower()
    service.drop("a.jpg")
    service.sidecar("a.jpg")


@pytest.mark.fault("a process that hangs")
def test_a_service_whose_dispatcher_alone_hangs_is_started_again_by_the_watchdog(service: Installed) -> None:
    service.drop_in("[Service]\nWatchdogSec=6\nRestartSec=100ms\n")
    service.start()
    pid = service.machine.pid()
    before = switches(pid)
    time.sleep(3)
    waited = {thread: count - before.get(thread, count) for thread, count in switches(pid).items()}
    dispatcher = max(waited, key=lambda thread: waited[thread])  # it looks five times a second, nobody else so often
    assert dispatcher != pid
    held = HeldThread(dispatcher)
    began, of_main = time.monotonic(), switches(pid)[pid]
    until(lambda: switches(pid)[pid] > of_main + 1)  # the thread that tells systemd that all is well goes on
    until(lambda: held.has_ended() and service.machine.property("NRestarts") == "1", timeout=30, interval=0.1)
    assert time.monotonic() - began < 2 * 6
    until(lambda: service.machine.property("ActiveState") == "active", timeout=30, interval=0.1)
    assert "watchdog" in service.log().lower()
    service.drop("a.jpg")
    service.sidecar("a.jpg")


@pytest.mark.fault("kill -9 at any system call")
def test_after_kill_9_it_is_started_again_and_the_queue_goes_on(service: Installed, fake: FakeEndpoint) -> None:
    service.start()
    fake.default = hang()
    names = [f"{number}.jpg" for number in range(6)]
    service.drop(*names)
    until(lambda: fake.in_flight == 2)
    os.kill(service.machine.pid(), signal.SIGKILL)
    fake.default = echo()
    for name in names:
        service.sidecar(name)
    assert service.machine.property("NRestarts") == "1"
    # Six files, and the calls that were in flight once more.
    assert len(fake.requests) <= len(names) + 2


@pytest.mark.fault("a bad configuration")
def test_a_wrong_configuration_ends_it_once_and_for_all(service: Installed) -> None:
    service.machine.write("/etc/captiond/config.toml", "nonsense = true\n")
    assert service.machine.call("systemctl", "start", "captiond").returncode != 0
    assert service.machine.property("ExecMainStatus") == "78"
    # If it were to be started again, systemd would say "activating" from the first moment on.
    assert (service.machine.property("ActiveState"), service.machine.property("NRestarts")) == ("failed", "0")
    assert service.log().count("unknown key") == 1
    service.configure()


@pytest.mark.parametrize("said", BROKEN)
def test_what_systemd_says_of_a_service_that_does_not_start_is_in_the_manual(service: Installed, said: str) -> None:
    service.drop_in(f"[Service]\n{BROKEN[said]}\n")
    assert service.machine.call("systemctl", "start", "captiond").returncode != 0
    until(lambda: said in service.log())
    assert f"`{said}`" in prose(OPERATIONS)


@pytest.mark.fault("SIGTERM during a call")
def test_it_stops_within_10_seconds_while_calls_hang_and_they_are_queued_again(
    service: Installed, fake: FakeEndpoint, tmp_path: Path
) -> None:
    service.configure(timeout=300)
    service.start()
    fake.default = hang()
    service.drop("a.jpg", "b.jpg", "c.jpg")
    until(lambda: fake.in_flight == 2)
    began = time.monotonic()
    service.machine.run("systemctl", "stop", "captiond")
    assert time.monotonic() - began < 10
    assert (service.machine.property("Result"), service.machine.property("ExecMainStatus")) == ("success", "0")
    assert service.jobs(tmp_path / "copy.db") == [("queued", 0)] * 3


def test_the_sandbox_shows_and_lets_it_write_what_it_needs_and_no_more(service: Installed) -> None:
    machine = service.machine
    machine.write("/home/ada/diary.txt", "secret", 0o666)
    machine.run("mkdir", "-p", "-m", "777", "/srv/other", "/home/ada/Pictures")
    service.configure(root="/home/ada/Pictures")
    # The probe takes the place of the program; all else of the unit is as it is.
    machine.write("/usr/local/lib/probe.py", SANDBOX.read_text())
    service.drop_in(
        f"[Service]\nType=oneshot\nReadWritePaths={MEDIA}\nExecStart=\n"
        "ExecStart=/usr/bin/python3 /usr/local/lib/probe.py /var/lib/captiond/found.json "
        f"/var/lib/captiond {MEDIA} /home/ada/Pictures /tmp /srv/other /etc /usr /opt /boot /var /home /root /run /run/user\n"
    )
    service.start()
    found = json.loads(machine.path("/var/lib/captiond/found.json").read_text())
    assert found["written"] == ["/var/lib/captiond", MEDIA, "/home/ada/Pictures", "/tmp"]
    assert found["below_home"] == ["/home/ada", "/home/ada/Pictures", "/home/ada/Pictures/probe"]
    assert found["read"] == []
    assert found["done"] == []
    assert not (machine.path("/tmp") / "probe").exists(), "its /tmp is its own"
    assert set(found["processes"]) == {"probe"}
    service.configure()


def test_within_the_sandbox_decoders_are_confined_as_without_it_and_the_local_model_runs(
    service: Installed, tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp", reason='the extra "local" is not installed')
    from tiny_gguf import SAYS, make

    machine = service.machine
    paths = []
    for made in make(tmp_path / "models"):
        paths.append(f"/srv/models/{made.name}")
        machine.path("/srv/models").mkdir(exist_ok=True)
        shutil.copyfile(made, machine.path(paths[-1]))
    model, projector = paths
    local = f'[local]\nmodel_path = "{model}"\nmmproj_path = "{projector}"\n[recipes.default]\nendpoint = "local"\n'
    machine.write("/etc/captiond/config.toml", f'{local}[[watch]]\npath = "{MEDIA}"\n')
    check = [CAPTIOND, "--config", "/etc/captiond/config.toml", "check", "--json"]

    def decoders(text: str) -> str:
        (found,) = [one["message"] for one in json.loads(text) if "confined" in one["message"]]
        return str(found)

    result = "/var/lib/captiond/found.json"
    inside = f"ExecStart=\nExecStart={' '.join(check)} --call\nStandardOutput=file:{result}\n"
    service.drop_in(f"[Service]\nType=oneshot\n{inside}")
    service.start()
    found = machine.path(result).read_text()
    assert decoders(found) == decoders(machine.call(*check, user="captiond").stdout)
    assert SAYS in found
    service.configure()


def test_it_reads_and_writes_a_share_of_another_group_by_membership_alone(service: Installed) -> None:
    machine = service.machine
    machine.run("sh", "-c", f"chown root:media {MEDIA} && chmod 2770 {MEDIA}")
    service.drop_in("[Service]\nSupplementaryGroups=media\n")
    service.start()
    machine.run("sh", "-c", f"umask 007; cp /dev/null {MEDIA}/empty.jpg", user="ada")
    service.drop("a.jpg")
    machine.run("sh", "-c", f"chown ada:media {MEDIA}/a.jpg && chmod 640 {MEDIA}/a.jpg")
    sidecar = service.sidecar("a.jpg")
    assert machine.run("stat", "--format=%U %G %a", f"{MEDIA}/a.jpg.caption.json").split() == [
        "captiond",
        "media",
        "644",
    ]
    assert json.loads(machine.run("cat", f"{MEDIA}/{sidecar.name}", user="ada"))["file"] == "a.jpg"
    assert stat.S_IMODE((service.media / "a.jpg").stat().st_mode) == 0o640


@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_a_share_that_is_mounted_after_the_start_is_captioned(service: Installed) -> None:
    machine = service.machine
    service.start()
    service.drop("before.jpg")
    service.sidecar("before.jpg")
    machine.run("mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", MEDIA)
    try:
        service.drop("a.jpg")
        service.sidecar("a.jpg")
    finally:
        machine.run("umount", "--lazy", MEDIA)
    assert not (service.media / "a.jpg.caption.json").exists()


def test_within_the_sandbox_it_gives_sidecars_to_the_configured_group(service: Installed) -> None:
    machine = service.machine
    config = machine.path("/etc/captiond/config.toml")
    config.write_text(config.read_text() + '[sidecar]\ngroup = "media"\nmode = "0664"\n')
    check = [CAPTIOND, "--config", "/etc/captiond/config.toml", "check", "--json"]

    def warned() -> set[str]:
        said = json.loads(machine.call(*check, user="captiond").stdout)
        return {one["check"] for one in said if one["level"] != "ok" and "the group media" in one["message"]}

    assert warned() == {"unit", "sidecars"}
    service.start()
    service.drop("a.jpg")
    service.sidecar("a.jpg")
    until(lambda: "sidecar_not_given" in service.log())
    machine.run(CAPTIOND, "install", "--now")
    assert warned() == set()
    service.drop("b.jpg")
    service.sidecar("b.jpg")
    given = machine.run("stat", "--format=%U %G %a", f"{MEDIA}/a.jpg.caption.json", f"{MEDIA}/b.jpg.caption.json")
    assert given.splitlines() == ["captiond captiond 664", "captiond media 664"]
    machine.run("sh", "-c", f"echo '{{}}' > {MEDIA}/b.jpg.caption.json", user="ada")


def test_check_is_content_with_what_install_made_and_tells_root_to_ask_as_the_services_user(service: Installed) -> None:
    def found(user: str | None) -> dict[str, set[str]]:
        said = service.machine.call(CAPTIOND, "--config", "/etc/captiond/config.toml", "check", "--json", user=user)
        levels: dict[str, set[str]] = {}
        for one in json.loads(said.stdout):
            levels.setdefault(one["check"], set()).add(one["level"])
        return levels

    of_user = found("captiond")
    assert {name: of_user[name] for name in ("unit", "database", "folders", "sidecars")} == {
        "unit": {"ok"}, "database": {"ok"}, "folders": {"ok"}, "sidecars": {"ok"},
    }  # fmt: skip
    assert "user" not in of_user
    assert found(None)["user"] == {"warn"}
    service.machine.run("sh", "-c", f"chown root:media {MEDIA} && chmod 775 {MEDIA}")
    assert found("captiond")["sidecars"] == {"warn"}
    said = service.machine.call(CAPTIOND, "--config", "/etc/captiond/config.toml", "check", user="captiond").stdout
    assert "SupplementaryGroups=media" in said


@pytest.mark.fault("a share is full or read-only")
def test_a_root_that_came_later_gets_its_sidecars_when_install_has_opened_it(service: Installed) -> None:
    machine = service.machine
    service.start()
    machine.run("mkdir", "-p", "-m", "777", "/srv/later")
    config = machine.path("/etc/captiond/config.toml")
    config.write_text(f'{config.read_text()}[[watch]]\npath = "/srv/later"\nsettle_seconds = 0.2\n')
    machine.run("systemctl", "reload", "captiond")
    service.drop("a.jpg", folder="/srv/later")
    until(lambda: "sidecar_pending" in service.log())
    assert "captiond install --now" in service.log()
    machine.run(CAPTIOND, "install", "--now")
    service.sidecar("a.jpg", folder="/srv/later")
    machine.run("rm", "-r", "/srv/later")


def test_instances_run_side_by_side_each_with_its_own_state(service: Installed) -> None:
    machine = service.machine
    machine.write("/etc/credstore/captiond-photos.api-key", KEY, 0o600)
    machine.run("mkdir", "-p", "-m", "777", "/srv/photos")
    service.configure(instance="photos", root="/srv/photos")
    try:
        machine.run("systemctl", "start", "captiond@photos", "captiond")
        service.drop("a.jpg")
        service.drop("b.jpg", folder="/srv/photos")
        service.sidecar("a.jpg")
        service.sidecar("b.jpg", folder="/srv/photos")
        for state in ("captiond", "captiond-photos"):
            assert machine.path(f"/var/lib/{state}/captions.db").exists()
    finally:
        machine.run(CAPTIOND, "uninstall", "--instance", "photos", "--purge-state")
    assert machine.property("ActiveState") == "active"
    assert not machine.path("/etc/systemd/system/captiond@.service").exists()


def test_it_is_installed_started_and_uninstalled_with_one_command_each(service: Installed, fake: FakeEndpoint) -> None:
    machine = service.machine
    machine.run(CAPTIOND, "install", "--now")
    assert machine.run("systemctl", "is-enabled", "captiond").strip() == "enabled"
    service.drop("a.jpg")
    service.sidecar("a.jpg")
    machine.run(CAPTIOND, "uninstall", "--purge-user")
    assert machine.call("systemctl", "is-active", "captiond").stdout.strip() == "inactive"
    assert machine.call("id", "captiond").returncode != 0
    assert {path.name for path in service.media.iterdir()} == {"a.jpg", "a.jpg.caption.json"}
    assert machine.path("/var/lib/captiond/captions.db").exists()
    # Installed again it goes on with what it knew: no call is made for what has its caption.
    machine.run(CAPTIOND, "install", "--now")
    service.drop("b.jpg")
    service.sidecar("b.jpg")
    assert len(fake.requests) == 2


def test_a_persons_service_runs_from_their_own_folders(machine: Machine, fake: FakeEndpoint) -> None:
    machine.run("loginctl", "enable-linger", "ada")
    until(lambda: machine.path(f"/run/user/{machine.id_of('ada')}/systemd/private").exists())
    machine.run(CAPTIOND, "install", "--user", user="ada")
    text = CONFIG.format(suffix="", base_url=fake.base_url, prompt="Describe it.", root="/home/ada/inbox", timeout=10)
    text = text.replace("/var/lib/captiond/", "/home/ada/.local/state/captiond/").replace("NOT_SET", "FAKE_KEY")
    machine.run("sh", "-c", 'printf %s "$1" > ~/.config/captiond/config.toml && mkdir ~/inbox', "sh", text, user="ada")
    machine.run("sh", "-c", f"umask 077; echo FAKE_KEY={KEY} > ~/.config/captiond/environment", user="ada")
    machine.run(CAPTIOND, "install", "--user", "--now", user="ada")
    drop(machine.path("/home/ada/inbox/a.jpg"))
    sidecar = machine.path("/home/ada/inbox/a.jpg.caption.json")
    until(sidecar.exists)
    assert sidecar.stat().st_uid == machine.id_of("ada")
    machine.run(CAPTIOND, "uninstall", "--user", user="ada")
    assert machine.call("systemctl", "--user", "is-active", "captiond", user="ada").stdout.strip() == "inactive"
    assert sidecar.exists()
    with suppress(FileNotFoundError):
        machine.path("/var/lib/systemd/linger/ada").unlink()
