"""What an installation puts where, and what it leaves alone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from captiond.checks import unit
from captiond.checks.finding import Level
from captiond.config.load import load
from captiond.errors import InstallError, UsageError
from captiond.installation import plan, program, units
from captiond.installation.layout import Layout, of_config, of_person, of_system
from captiond.installation.plan import Known
from captiond.installation.steps import File, Remove, Run, Step

SLASH = Path("/")
PROGRAM = Path("/opt/captiond/bin/captiond")
TOP = Path(__file__).parents[2]


def system(instance: str | None = None, root: Path = SLASH) -> Layout:
    return of_system(instance, root)


def opened(*roots: str, database: str | None = None, sidecars: bool = True) -> list[str]:
    """The settings of the drop-in for these roots."""
    text = units.drop_in(system(), map(Path, roots), Path(database) if database else None, sidecars=sidecars)
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def commands(steps: list[Step]) -> set[str]:
    return {step.command[0] for step in steps if isinstance(step, Run)}


def installed(root: Path, instance: str | None = None) -> Layout:
    """What `install` leaves under a root folder, without the programs that it runs."""
    layout = system(instance, root)
    for step in plan.install(layout, PROGRAM, Known(), now=False):
        if not isinstance(step, Run):
            step.do()
    wants = layout.at(layout.unit_file.parent) / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / layout.unit).touch()
    layout.at(layout.state).mkdir(parents=True)
    layout.at(layout.key).write_text("sk-secret")
    return layout


def removed(layout: Layout, known: Known | None = None, *, state: bool = False, user: bool = False) -> set[str]:
    """What `uninstall` removes, as the running system names it."""
    steps = plan.uninstall(layout, known or Known(), state=state, user=user)
    return {f"/{step.path.relative_to(layout.root)}" for step in steps if isinstance(step, Remove)}


def test_only_tools_that_come_with_systemd_are_needed_to_install() -> None:
    steps = list(plan.install(system(), PROGRAM, Known(), now=True))
    assert commands(steps) == {"systemd-sysusers", "systemd-tmpfiles", "systemctl"}


def test_the_unit_starts_the_program_that_installs_it_and_is_the_shipped_one_else() -> None:
    text = units.unit(system(), Path("/srv/50% off/captiond"))
    shipped = (TOP / "systemd" / "captiond.service").read_text()
    assert 'ExecStart="/srv/50%% off/captiond" --config /etc/captiond/config.toml run\n' in text
    assert re.sub(r"ExecStart=.*", "", text) == re.sub(r"ExecStart=.*", "", shipped)


def test_each_service_has_the_unit_that_names_its_configuration_and_its_key() -> None:
    assert f"--config {system().config} run" in units.unit(system(), PROGRAM)
    photos = system("photos")
    template = units.unit(photos, PROGRAM).replace("%i", "photos")
    assert f"--config {photos.config} run" in template
    assert f"LoadCredential=api-key:{photos.key.name}" in template
    assert f"StateDirectory={photos.state.name}\n" in template
    own = units.unit(of_person({"HOME": "/home/ada"}), PROGRAM).replace("%E", "/home/ada/.config")
    assert f"ExecStart={PROGRAM} --config /home/ada/.config/captiond/config.toml run" in own


@pytest.mark.parametrize("instance", [None, "photos"])
def test_the_first_configuration_is_the_example_with_the_services_database(
    instance: str | None, tmp_path: Path
) -> None:
    layout = system(instance)
    path = tmp_path / "config.toml"
    path.write_text(units.config(layout))
    assert load(path, {}, tmp_path).settings.database.url == f"sqlite:///{layout.state}/captions.db"
    differing = set(path.read_text().splitlines()) - set((TOP / "config.example.toml").read_text().splitlines())
    assert differing == {f'url = "sqlite:///{layout.state}/captions.db"'}


def test_a_persons_configuration_is_the_example() -> None:
    assert units.config(of_person({"HOME": "/home/ada"})) == (TOP / "config.example.toml").read_text()


def test_roots_are_opened_for_writing_and_those_that_the_sandbox_hides_are_brought_in() -> None:
    assert opened("/srv/media", "/home/ada/Pictures", "/srv/more") == [
        "[Service]",
        "ReadWritePaths=-/srv/media",
        "ReadWritePaths=-/srv/more",
        "BindPaths=-/home/ada/Pictures",
    ]


def test_of_a_root_that_is_a_link_both_ends_are_opened(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/srv/archive")
    assert opened(str(link)) == ["[Service]", "ReadWritePaths=-/srv/archive", f"BindPaths=-{link}"]


def test_without_sidecars_no_root_can_be_written() -> None:
    assert opened("/srv/media", "/home/ada", sidecars=False) == ["[Service]", "BindReadOnlyPaths=-/home/ada"]


def test_a_database_outside_the_state_folder_can_be_written() -> None:
    assert opened(database="/data/captions.db") == ["[Service]", "ReadWritePaths=-/data"]
    assert opened(database="/var/lib/captiond/captions.db") == ["[Service]"]


@pytest.mark.parametrize("group", ["media", "1005"])
def test_for_the_sidecars_group_the_service_is_in_it_and_may_give_to_it(group: str) -> None:
    text = units.drop_in(system(), [], None, sidecars=True, group=group)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "[Service]",
        f"SupplementaryGroups={group}",
        "PrivateUsers=no",
        "SystemCallFilter=fchown fchown32",
    ]


def test_without_sidecars_no_group_is_needed(tmp_path: Path) -> None:
    config = tmp_path / "captiond.toml"
    config.write_text("[sidecar]\ngroup = 1005\n")
    assert Known.of(load(config, {}, tmp_path).settings).group == "1005"
    config.write_text("[sidecar]\ngroup = 1005\nenabled = false\n")
    assert Known.of(load(config, {}, tmp_path).settings).group is None


def test_names_with_spaces_colons_and_percent_signs_are_written_as_systemd_reads_them() -> None:
    assert opened("/srv/a b: 5%", "/home/a b:c")[1:] == ['ReadWritePaths="-/srv/a b: 5%%"', r"BindPaths=-/home/a\ b\:c"]


@pytest.mark.parametrize("name", ['a"b', "a'b", "a\\b", "a\nb"])
def test_a_name_that_no_unit_can_hold_is_an_error(name: str) -> None:
    with pytest.raises(InstallError, match="rename it"):
        opened(f"/srv/{name}")


@pytest.mark.parametrize("name", ["config", "", "a/b", "../x", ".x", "a b", "%i", "x" * 65])
def test_an_instance_has_a_name_that_stands_for_itself_everywhere(name: str) -> None:
    with pytest.raises(UsageError, match="instance"):
        of_system(name, SLASH)


def test_a_configuration_that_is_there_is_kept_and_captionds_own_files_are_written_anew(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    layout.at(layout.config).write_text("# mine\n")
    layout.at(layout.unit_file).write_text("[Service]\nExecStart=/old\n")
    installed_again = [step for step in plan.install(layout, PROGRAM, Known(), now=False) if isinstance(step, File)]
    assert [step.told()[0] for step in installed_again] == ["keep", "write", "keep"]
    for step in installed_again:
        step.do()
    assert layout.at(layout.config).read_text() == "# mine\n"
    assert f"ExecStart={PROGRAM} " in layout.at(layout.unit_file).read_text()
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith("~") or path.name.startswith(".")]


def test_uninstalling_leaves_database_configuration_key_and_user(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    assert removed(layout) == {
        "/etc/systemd/system/captiond.service",
        "/etc/systemd/system/captiond.service.d/10-captiond-roots.conf",
    }
    assert commands(list(plan.uninstall(layout, Known(), state=False, user=False))) == {"systemctl"}


def test_purging_takes_database_configuration_key_and_user_too(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    (layout.at(layout.state) / "captions.db").touch()
    gone = removed(layout, state=True, user=True)
    assert gone > {"/var/lib/captiond/captions.db", "/etc/captiond/config.toml", "/etc/credstore/captiond.api-key"}
    assert "userdel" in commands(list(plan.uninstall(layout, Known(), state=True, user=True)))


def test_a_state_folder_with_a_watched_folder_in_it_is_not_removed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    (tmp_path / "srv").mkdir()
    for root in ("/var/lib/captiond", "/var/lib/captiond/inbox"):
        with pytest.raises(InstallError, match="is watched"):
            removed(layout, Known(roots=(Path(root),)), state=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_state_folder_with_a_mount_in_it_is_not_removed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    point = layout.at(layout.state) / "archive"
    point.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(point)], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        with pytest.raises(InstallError, match="is mounted"):
            removed(layout, state=True)
    finally:
        subprocess.run(["umount", str(point)], check=True)


def test_the_last_instance_takes_the_template_and_the_others_keep_it_and_the_user(tmp_path: Path) -> None:
    photos, films = installed(tmp_path, "photos"), installed(tmp_path, "films")
    template = "/etc/systemd/system/captiond@.service"
    assert template not in removed(photos)
    with pytest.raises(InstallError, match=r"needed by captiond@films\.service"):
        removed(photos, user=True)
    for name in (f"multi-user.target.wants/{films.unit}", f"{films.unit}.d/10-captiond-roots.conf"):
        (tmp_path / "etc/systemd/system" / name).unlink()
    assert template in removed(photos)


def test_what_is_not_installed_needs_nothing_done(tmp_path: Path) -> None:
    assert list(plan.uninstall(system(root=tmp_path), Known(), state=False, user=False)) == []


def judged(layout: Layout, *roots: str) -> list[tuple[Level, str]]:
    """What `captiond check` says of a service whose configuration names these roots."""
    found = unit.judged(layout, Known(roots=tuple(map(Path, roots)), database=layout.state / "captions.db"))
    return [(finding.level, finding.message) for finding in found]


@pytest.fixture
def service(tmp_path: Path) -> Layout:
    """An installed service, and the program that it starts."""
    program = tmp_path / PROGRAM.relative_to("/")
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return installed(tmp_path)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/etc/captiond/config.toml", "captiond.service"),
        ("/etc/captiond/photos.toml", "captiond@photos.service"),
        ("/home/ada/.config/captiond/config.toml", "captiond.service"),
        ("/etc/captiond/a b.toml", None),
        ("/home/ada/captiond.toml", None),
    ],
)
def test_a_configuration_is_that_of_the_service_that_reads_it(path: str, unit: str | None) -> None:
    found = of_config(Path(path), {"HOME": "/home/ada"})
    assert (found.unit if found else None) == unit


def test_check_says_nothing_of_a_service_that_is_not_installed(tmp_path: Path) -> None:
    assert judged(system(root=tmp_path)) == []


def test_check_finds_a_fresh_installation_well(service: Layout) -> None:
    assert [level for level, _ in judged(service)] == [Level.OK]


def test_check_finds_a_unit_that_is_not_the_shipped_one_whatever_it_starts(service: Layout) -> None:
    unit_file = service.at(service.unit_file)
    text = unit_file.read_text()
    unit_file.write_text(text.replace("ProtectSystem=strict\n", ""))
    ((level, message),) = judged(service)
    assert level is Level.WARN
    assert "not the unit that comes with this captiond" in message
    other = service.root / "elsewhere"
    other.touch(mode=0o755)
    unit_file.write_text(text.replace(str(PROGRAM), "/elsewhere"))
    assert [level for level, _ in judged(service)] == [Level.OK]


def test_check_finds_folders_that_the_unit_does_not_open(service: Layout) -> None:
    ((level, message),) = judged(service, "/srv/media")
    assert level is Level.WARN
    assert "does not open the folders" in message


def test_check_finds_a_group_that_the_unit_does_not_let_it_give(service: Layout) -> None:
    known = Known(database=service.state / "captions.db", group="media")
    (found,) = unit.judged(service, known)
    assert found.level is Level.WARN
    assert "none may get the group media" in found.message
    for step in plan.install(service, PROGRAM, known, now=False):
        if not isinstance(step, Run):
            step.do()
    assert [finding.level for finding in unit.judged(service, known)] == [Level.OK]


def test_check_finds_a_unit_whose_program_is_gone(service: Layout) -> None:
    service.at(PROGRAM).unlink()
    assert judged(service)[0][0] is Level.FAIL


def test_check_finds_a_database_that_only_the_service_would_find(service: Layout) -> None:
    (found,) = unit.judged(service, Known())
    assert found.level is Level.WARN
    assert found.remedy == 'set it to "sqlite:////var/lib/captiond/captions.db" in /etc/captiond/config.toml'


def test_check_names_the_drop_ins_that_others_wrote(service: Layout) -> None:
    assert service.drop_in is not None
    mine = service.at(service.drop_in).with_name("override.conf")
    mine.write_text("[Service]\nNice=10\n")
    packaged = service.root / "usr/lib/systemd/system/captiond.service.d/50-group.conf"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    level, message = judged(service)[-1]
    assert level is Level.OK
    assert str(mine) in message
    assert str(packaged) in message
    assert "10-captiond-roots.conf" not in message


def test_a_program_that_the_services_user_could_not_run_is_not_installed(tmp_path: Path) -> None:
    # The tests' own folder is under /tmp, which the service does not see.
    (tmp_path / "captiond").touch()
    with pytest.raises(InstallError, match="/opt/captiond"):
        program.reachable(tmp_path / "captiond")


def test_a_command_that_fails_or_is_not_there_says_so() -> None:
    with pytest.raises(InstallError, match="no such thing"):
        Run(("sh", "-c", "echo no such thing >&2; exit 4")).do()
    with pytest.raises(InstallError, match="comes with systemd"):
        Run(("captiond-no-such-program",)).do()
    Run(("false",), may_fail=True).do()


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("/opt/captiond/bin/captiond run", "/opt/captiond/bin/captiond"),
        ("-/opt/captiond/bin/captiond run", "/opt/captiond/bin/captiond"),
        ('@!"/opt/a b/captiond" run', "/opt/a b/captiond"),
        ("%h/.local/bin/captiond run", f"{Path.home()}/.local/bin/captiond"),
        ("captiond run", None),
        ("", None),
    ],
)
def test_the_program_of_a_unit_is_found_however_systemd_lets_it_be_written(line: str, program: str | None) -> None:
    assert units.program_of(f"[Service]\nExecStart={line}\n") == (None if program is None else Path(program))


def test_a_database_that_the_sandbox_would_hide_is_shown_and_may_be_written_without_sidecars_too() -> None:
    for sidecars in (True, False):
        lines = opened("/srv/media", database="/home/ada/db/captions.db", sidecars=sidecars)
        assert "BindPaths=-/home/ada/db" in lines
        assert not any("ReadWritePaths" in line and "/home" in line for line in lines)


def test_what_goes_with_the_service_before_it_is_removed_is_gone_all_the_same(tmp_path: Path) -> None:
    """SQLite removes `captions.db-wal` and `captions.db-shm` when the service that is stopped closes its database."""
    Remove(tmp_path / "captions.db-shm").do()


def test_a_state_folder_that_is_a_link_is_not_purged_and_nothing_is_done_before(tmp_path: Path) -> None:
    layout = installed(tmp_path / "root")
    state = layout.at(layout.state)
    state.rename(tmp_path / "elsewhere")
    state.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InstallError, match="is a link"):
        removed(layout, state=True)
