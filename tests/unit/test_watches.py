"""Which folder has which inotify watch: what is forgotten is what lies below, and costs no more than that."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from watchdog.observers.inotify_c import CallbackId, WatchDescriptor

from captiond.watch.watches import Watches

ROOTS = st.sampled_from(["/r", "/"])
FOLDERS = st.lists(st.sampled_from("ab"), max_size=4).map(tuple)
DEEDS = st.lists(st.tuples(st.sampled_from(["add", "add", "ended", "forget"]), FOLDERS, st.integers(0, 5)))


def path_of(root: str, parts: tuple[str, ...]) -> str:
    return "/".join([root.rstrip("/"), *parts]) or root


@given(ROOTS, DEEDS)
def test_what_is_forgotten_is_the_folder_and_all_below_it(
    root: str, deeds: list[tuple[str, tuple[str, ...], int]]
) -> None:
    watches = Watches(root)
    model: dict[WatchDescriptor, tuple[str, CallbackId]] = {}
    for number, (deed, parts, wd) in enumerate(deeds):
        folder, watch, own = path_of(root, parts), WatchDescriptor(wd), CallbackId(number)
        if deed == "add":
            gone = {one for one, entry in model.items() if one == watch or entry[0] == folder}
            expected = {(one, model.pop(one)[1]) for one in gone}
            assert set(watches.add(folder, watch, own)) == expected
            model[watch] = (folder, own)
        elif deed == "ended":
            assert watches.ended(watch) == model.pop(watch, None)
        else:
            below = folder.rstrip("/") + "/"
            gone = {one for one, entry in model.items() if entry[0] == folder or entry[0].startswith(below)}
            assert set(watches.forget(folder)) == {(one, model.pop(one)[1]) for one in gone}
        assert len(watches) == len(model)
        assert [watches.entry(WatchDescriptor(one)) for one in range(6)] == [
            model.get(WatchDescriptor(one)) for one in range(6)
        ]
    for watch in model:
        watches.ended(watch)
    assert not watches._inside


def test_to_forget_a_folder_costs_nothing_of_the_others() -> None:
    watches = Watches("/r")
    for number in range(200_000):
        watches.add(f"/r/{number % 200}/{number}", WatchDescriptor(number), CallbackId(number))
    began = time.process_time()
    for number in range(2_000):
        assert len(watches.forget(f"/r/{number % 200}/{number}")) == 1
    assert time.process_time() - began < 1  # 0.005 s; to look at all others each time takes half a minute
