"""How a root's changes reach us: by inotify events, or by scans alone."""

from __future__ import annotations

from collections.abc import Callable

from captiond.config.models import WatchMode
from captiond.watch.tree import Sink, Tree, WatchLimit, limit_of


class Observer:
    """Owns the inotify tree of one root, if it has one.

    `close`, `work` and `ensure` may be called from any thread, the rest from the scan thread.

    Args:
        root: absolute, as the OS names it.
        wanted: the mode of the configuration.
        enters: whether a folder, relative to the root, is watched.
        sink: who is told.
    """

    def __init__(self, root: str, wanted: WatchMode, enters: Callable[[str], bool], sink: Sink) -> None:
        self._root = root
        self._wanted = wanted
        self._enters = enters
        self._sink = sink
        self._tree: Tree | None = None
        self._hit: WatchLimit | None = None
        self.limit: WatchLimit | None = None
        """The limit because of which the root is polled, though it should be watched."""
        self.mode = WatchMode.POLL
        """How the root is watched in fact: inotify or poll."""

    @property
    def folders(self) -> int:
        """How many folders are watched."""
        return 0 if self._tree is None else len(self._tree)

    @property
    def alive(self) -> bool:
        """Whether events are read; also where there are none to read."""
        return self.mode is WatchMode.POLL or (self._tree is not None and self._tree.alive)

    @property
    def limit_hit(self) -> bool:
        """Whether a watch was refused since: `fall_back` is to be called."""
        return self._hit is not None and self._tree is not None

    @property
    def limit_was_raised(self) -> bool:
        """Whether it is worth another try."""
        return self.limit is not None and limit_of(self.limit.setting) != self.limit.value

    def renew(self, heard: Callable[[], None], *, network: bool) -> None:
        """Watch anew; a scan must follow, and what it finds is then not missed by the events.

        Args:
            heard: called whenever the file system answered.
            network: whether the root lies on a network file system.

        Raises:
            OSError: the root can't be watched.
        """
        self.close()
        self.limit = self._hit = None
        polls = self._wanted is WatchMode.POLL or (self._wanted is WatchMode.AUTO and network)
        self.mode = WatchMode.POLL if polls else WatchMode.INOTIFY
        if polls:
            return
        try:
            # Taken note of before it is covered, so that `close` can end it at any time.
            self._tree = Tree(self._root, self._enters, self._sink)
            self._tree.cover(heard)
        except WatchLimit as limit:
            self._hit = limit
            self.fall_back()
        except OSError:
            self.close()
            raise

    def fall_back(self) -> None:
        """There are not enough watches: the root is polled, and gives back those that it has."""
        self.limit, self._hit = self._hit, None
        self.mode = WatchMode.POLL
        self.close()

    def work(self, heard: Callable[[], None]) -> None:
        """Watch and list new folders; `heard` as for `renew`."""
        tree = self._tree
        if tree is not None and self._hit is None:
            try:
                tree.work(heard)
            except WatchLimit as limit:
                self._hit = limit

    def ensure(self, folder: str) -> None:
        """See that this folder, which is about to be listed, is watched."""
        tree = self._tree
        if tree is not None and self._hit is None:
            try:
                tree.ensure(folder)
            except WatchLimit as limit:
                self._hit = limit

    def close(self) -> None:
        """End the watching."""
        tree, self._tree = self._tree, None
        if tree is not None:
            tree.stop()


def limit_text(limit: WatchLimit) -> str:
    """Why a root is polled, and the remedy."""
    return (
        f"it is compared again and again instead of watched: the limit {limit.setting} = {limit.value} is used up; "
        f"raise it with `sysctl -w {limit.setting}={2 * (limit.value or 65_536)}`, and for good in /etc/sysctl.d"
    )
