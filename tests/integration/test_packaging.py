"""What is built from a checkout, and whether it runs where it is installed."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((TOP / "pyproject.toml").read_text())


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """What the command says; its own words are the failure when it fails."""
    env = {**os.environ, **environ}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from a copy of the checkout: a build leaves nothing in the real one."""
    folder = tmp_path_factory.mktemp("sdist")
    copy = folder / "checkout"
    shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(".venv*", ".git", ".*_cache", "__pycache__", "inbox"))
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder / "out", cwd=copy)
    (built,) = (folder / "out").iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a packager would."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.unpack_archive(sdist, folder)  # without the `filter` that Debian 12's Python does not have yet
    (source,) = folder.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder / "out", cwd=source)
    (built,) = (folder / "out").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel in it, and what it needs borrowed from this one: no network."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True, with_pip=True)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    # Only the folder's packages, not what its .pth files add: this checkout is installed there, too.
    borrowed = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))
    return folder / "bin"


def test_the_wheel_has_the_package_with_its_migrations_and_units_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {
        str(path.relative_to(TOP / "daemon"))
        for path in (TOP / "daemon" / "captiond").rglob("*")
        if path.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(TOP).parts)
    }
    beside = {
        f"captiond/{path.relative_to(TOP)}"
        for path in [*(TOP / "migrations").rglob("*"), *(TOP / "systemd").rglob("*"), TOP / "config.example.toml"]
        if path.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(TOP).parts)
    }
    assert "captiond/py.typed" in names
    assert "captiond/migrations/env.py" in names
    assert any(name.startswith("captiond/migrations/versions/0001") for name in names)
    outside = {name for name in names if ".dist-info/" not in name}
    assert outside == package | beside


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()
    assert metadata["Name"] == "captiond"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Provides-Extra"] == "local"
    required = {canonicalize_name(Requirement(text).name) for text in metadata.get_all("Requires-Dist", [])}
    assert {"openai", "sqlalchemy", "alembic", "watchdog", "structlog", "xllamacpp"} <= required
    assert "captiond = captiond.__main__:main" in entry_points


def test_the_source_distribution_has_what_a_packager_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = ["LICENSE", "README.md", "dev", "requirements.lock", "systemd/captiond.service", "samples/make.py"]
    assert [name for name in wanted if name not in names] == []
    assert not [name for name in names if "__pycache__" in name or name.startswith((".git/", ".venv", "inbox"))]


def test_the_installed_program_makes_its_database_and_captions_a_sample(installed: Path, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path)}
    environ |= {"OXEN_API_KEY": ""}
    where = run(installed / "python", "-c", "import captiond; print(captiond.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent), "the checkout was imported, not the wheel"
    assert PROJECT["project"]["name"] in run(installed / "captiond", "--version", cwd=tmp_path, **environ)
    picture = str(shutil.copy(TOP / "samples" / "chart.webp", tmp_path))
    run(installed / "captiond", "caption", picture, cwd=tmp_path, **environ)
    assert (tmp_path / "state" / "captiond" / "captions.db").stat().st_size > 0
    found = json.loads(run(installed / "captiond", "search", "WebP", "--json", cwd=tmp_path, **environ))
    assert picture in json.dumps(found)


def test_the_installed_program_has_what_it_installs(installed: Path, tmp_path: Path) -> None:
    for options in ([], ["--instance", "photos"], ["--user"]):
        program = ["--program", "/opt/captiond/bin/captiond"]
        said = run(installed / "captiond", "install", "--dry-run", *options, *program, cwd=tmp_path, HOME=str(tmp_path))
        assert "systemctl" in said


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """The lock file's packages, each with its hashes."""
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", (TOP / name).read_text().replace("\\\n", "")):
        if not entry.startswith("#"):
            requirement = Requirement(entry.split(" --hash", 1)[0].strip())
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
            found[canonicalize_name(requirement.name)] = (requirement, hashes)
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_each_package_with_hashes_and_names_no_server(name: str) -> None:
    packages = locked(name)
    assert len(packages) > 20
    for requirement, hashes in packages.values():
        assert str(requirement.specifier).startswith("=="), requirement
        assert hashes, requirement
    text = (TOP / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


def test_the_lock_files_have_what_the_project_asks_for() -> None:
    run_lock, dev_lock = locked("requirements.lock"), locked("requirements-dev.lock")
    groups = PROJECT["dependency-groups"]
    wanted = {
        "requirements.lock": PROJECT["project"]["dependencies"] + groups["build"],
        "requirements-dev.lock": PROJECT["project"]["dependencies"]
        + PROJECT["project"]["optional-dependencies"]["local"]
        + [entry for entry in groups["dev"] if isinstance(entry, str)]
        + groups["build"],
    }
    for name, texts in wanted.items():
        packages = locked(name)
        for requirement in map(Requirement, texts):
            pinned, _ = packages[canonicalize_name(requirement.name)]
            (version,) = (specifier.version for specifier in pinned.specifier)
            assert requirement.specifier.contains(version), f"{name}: {pinned} is not {requirement}: run ./dev lock"
    differing = {name for name in run_lock if str(run_lock[name][0]) != str(dev_lock[name][0])}
    assert not differing, "what is tested is not what runs"


def test_the_samples_are_small_and_whole() -> None:
    from PIL import Image

    samples = [path for path in (TOP / "samples").iterdir() if path.suffix in (".jpg", ".png", ".webp", ".mp4")]
    assert len(samples) == 5
    assert sum(path.stat().st_size for path in samples) < 600_000
    readme = (TOP / "samples" / "README.md").read_text()
    for path in samples:
        assert f"`{path.name}`" in readme
        if path.suffix != ".mp4":
            with Image.open(path) as picture:
                picture.load()
