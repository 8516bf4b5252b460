"""Whether a root is there, told from mountinfo, fstab and the folder itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import mounts
from captiond.watch import health
from captiond.watch.health import State, classify

LINE = "{id} 1 8:1 / {point} rw,relatime shared:1 - {fstype} /dev/x rw\n"


def escape(text: str) -> str:
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in text)


def mountinfo(tmp_path: Path, *points: tuple[str, str]) -> Path:
    """A mountinfo with / on ext4 and these (mount point, type) after it; ids count from 20."""
    listed = [("/", "ext4"), *points]
    source = tmp_path / "mountinfo"
    lines = [LINE.format(id=20 + i, point=escape(p), fstype=f) for i, (p, f) in enumerate(listed)]
    source.write_text("".join(lines))
    return source


def fstab(tmp_path: Path, *points: str) -> Path:
    source = tmp_path / "fstab"
    source.write_text("# a comment\n\n" + "".join(f"//nas/x {escape(p)} cifs noauto 0 0\n" for p in points))
    return source


def made(tmp_path: Path, name: str = "root") -> Path:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    return folder


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_mount_point_survives_the_escapes_of_the_kernel(name: str) -> None:
    assert mounts.unescape(escape("/" + name)) == "/" + name


def test_mountinfo_gives_the_deepest_and_the_latest_mount(tmp_path: Path) -> None:
    source = mountinfo(tmp_path, ("/mnt", "ext4"), ("/mnt/my nas", "cifs"), ("/mnt/my nas", "nfs4"), ("/mnt/my", "xfs"))
    found = mounts.read_mounts(source)

    def fstype(path: str) -> str | None:
        mount = mounts.mount_of(path, found)
        return None if mount is None else mount.fstype

    assert fstype("/mnt/my nas/a") == "nfs4"
    assert fstype("/mnt/my") == "xfs"
    assert fstype("/mnt/mystery") == "ext4"
    assert fstype("/home") == "ext4"


def test_the_kernels_own_mountinfo_can_be_read() -> None:
    found = mounts.read_mounts()
    assert mounts.mount_of("/", found) is not None
    proc = mounts.mount_of("/proc/self", found)
    assert proc is not None
    assert proc.fstype == "proc"


@pytest.mark.parametrize(
    ("fstype", "network"),
    [
        *[(name, True) for name in ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "davfs", "virtiofs", "afs")],
        *[(name, True) for name in ("fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.unheard-of")],
        *[(name, False) for name in ("ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "fuse.ntfs-3g")],
    ],
)
def test_file_systems_that_change_without_inotify_are_known(fstype: str, network: bool) -> None:
    assert mounts.must_be_polled(fstype) is network


def test_a_folder_on_a_local_disk_is_online(tmp_path: Path) -> None:
    root = made(tmp_path)
    found = classify(str(root), mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path))
    assert (found.state, found.mount_point, found.fstype, found.network) == (State.ONLINE, "/", "ext4", False)
    assert classify(str(root), "/", mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path)) == found


def test_a_folder_on_a_share_is_online_and_on_the_network(tmp_path: Path) -> None:
    root = made(tmp_path, "my nas/incoming")
    share = str(root.parent)
    found = classify(str(root), share, mountinfo=mountinfo(tmp_path, (share, "cifs")), fstab=fstab(tmp_path, share))
    assert (found.online, found.mount_point, found.network) == (True, share, True)


def test_a_mount_point_without_its_mount_is_offline(tmp_path: Path) -> None:
    root = made(tmp_path, "nas/incoming")
    share = str(root.parent)
    found = classify(str(root), share, mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path))
    assert (found.state, found.reason, found.remedy) == (State.OFFLINE, "not mounted", f"mount {share}")
    itself = classify(share, share, mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path))
    assert health.message(share, itself, 4120) == (
        f"root {share} is offline (not mounted): its 4,120 files wait; mount it and they go on"
    )


def test_a_mount_point_of_fstab_is_offline_before_it_was_ever_seen_mounted(tmp_path: Path) -> None:
    root = made(tmp_path, "my nas/incoming")
    found = classify(str(root), mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path, str(root.parent)))
    assert (found.state, found.reason) == (State.OFFLINE, "not mounted")


def test_another_mount_point_of_fstab_does_not_matter(tmp_path: Path) -> None:
    root = made(tmp_path, "nas/incoming")
    elsewhere = fstab(tmp_path, str(tmp_path / "na"), str(root / "below"))
    assert classify(str(root), mountinfo=mountinfo(tmp_path), fstab=elsewhere).online


def test_a_share_mounted_where_a_plain_folder_was_is_online(tmp_path: Path) -> None:
    root = made(tmp_path)
    found = classify(str(root), "/", mountinfo=mountinfo(tmp_path, (str(root), "nfs4")), fstab=fstab(tmp_path))
    assert (found.online, found.mount_point) == (True, str(root))


def test_a_remount_is_another_identity(tmp_path: Path) -> None:
    root = made(tmp_path)
    first = classify(str(root), mountinfo=mountinfo(tmp_path, (str(root), "nfs4")), fstab=fstab(tmp_path))
    again = mountinfo(tmp_path, ("/other", "ext4"), (str(root), "nfs4"))
    second = classify(str(root), mountinfo=again, fstab=fstab(tmp_path))
    assert first.identity != second.identity
    below = mountinfo(tmp_path, (str(root), "nfs4"), (str(root / "disk"), "ext4"))
    third = classify(str(root), mountinfo=below, fstab=fstab(tmp_path))
    assert third.identity != first.identity, "a mount in the tree hides what was there"


def test_a_recreated_folder_is_another_identity(tmp_path: Path) -> None:
    root = made(tmp_path)
    first = classify(str(root))
    root.rename(tmp_path / "old")
    root.mkdir()
    assert classify(str(root)).identity != first.identity


def test_a_missing_folder_and_a_file_in_its_place_are_offline(tmp_path: Path) -> None:
    gone = classify(str(tmp_path / "none"))
    assert (gone.online, gone.reason) == (False, "no such folder")
    file = tmp_path / "file"
    file.touch()
    assert classify(str(file)).reason == "not a folder"


def test_a_root_behind_a_link_is_looked_at_where_it_is(tmp_path: Path) -> None:
    share = made(tmp_path, "share")
    link = tmp_path / "link"
    link.symlink_to(share)
    info = mountinfo(tmp_path, (str(share), "cifs"))
    assert classify(str(link), mountinfo=info, fstab=fstab(tmp_path)).network
    assert not classify(str(link), str(share), mountinfo=mountinfo(tmp_path), fstab=fstab(tmp_path)).online


def test_an_automounter_that_mounts_nothing_is_offline(tmp_path: Path) -> None:
    root = made(tmp_path)
    info = mountinfo(tmp_path, (str(root), "autofs"))
    assert classify(str(root), mountinfo=info, fstab=fstab(tmp_path)).reason == "not mounted"


def test_what_is_unmounted_while_it_is_looked_at_is_looked_at_again(tmp_path: Path) -> None:
    root = made(tmp_path)
    mounted = mountinfo(tmp_path, (str(root), "fuse")).read_bytes()
    bare = mountinfo(tmp_path).read_bytes()
    told = [mounted, bare]

    class Changing(PosixPath):
        """A mountinfo that tells something else from its second reading on."""

        def read_bytes(self) -> bytes:
            return told.pop(0) if len(told) > 1 else told[0]

    found = classify(str(root), mountinfo=Changing("mountinfo"), fstab=fstab(tmp_path))
    assert (found.online, found.mount_point, found.fstype) == (True, "/", "ext4")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EIO, errno.ETIMEDOUT])
def test_errors_of_a_dead_share_are_offline_and_say_so(number: int) -> None:
    found = health.from_error(OSError(number, os.strerror(number)))
    assert not found.online
    assert "does not answer" in health.message("/mnt/nas", found, 1)
    assert "its 1 file waits" in health.message("/mnt/nas", found, 1)
