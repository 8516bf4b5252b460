"""Which frames are sent is decided on thumbnails alone: different ones, none blank, from the first to the last."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.media.scenes import SIDE, Look, chosen, differ, different, is_blank, next_moment

CELLS = SIDE * SIDE


def plain(level: int) -> bytes:
    return bytes([level]) * (CELLS * 3)


def halves(level: int) -> bytes:
    """Black above, and grey of this level below."""
    return bytes(CELLS * 3 // 2) + bytes([level]) * (CELLS * 3 // 2)


LEVELS = (40, 100, 160, 220)
"""Any two of these halves are different pictures."""

looks = st.lists(
    st.tuples(st.floats(0, 100), st.one_of(st.sampled_from(LEVELS).map(halves), st.integers(0, 255).map(plain))),
    max_size=24,
    unique_by=lambda one: one[0],
).map(lambda found: [Look(at, cells) for at, cells in sorted(found)])


@given(looks, st.integers(1, 12))
def test_what_is_chosen_is_in_order_different_and_no_more_than_allowed(found: list[Look], most: int) -> None:
    places = chosen(found, most)
    assert places == sorted(set(places))
    assert len(places) <= most
    assert bool(places) == bool(found)
    assert all(differ(found[one], found[other]) for one, other in itertools.combinations(places, 2))


@given(looks, st.integers(1, 12))
def test_a_blank_frame_is_chosen_only_if_all_are(found: list[Look], most: int) -> None:
    blank = [is_blank(found[place]) for place in chosen(found, most)]
    assert any(blank) == (bool(found) and all(map(is_blank, found)))


@given(looks)
def test_nothing_that_differs_from_all_that_is_chosen_is_left_out(found: list[Look]) -> None:
    kept = [found[place] for place in different(found)]
    for look in found:
        assert is_blank(look) or any(not differ(look, other) for other in kept)


@given(looks, st.integers(2, 12))
def test_the_first_and_the_last_that_are_different_are_among_the_chosen(found: list[Look], most: int) -> None:
    kept = different(found)
    assert {kept[0], kept[-1]} <= set(chosen(found, most)) if kept else True


@pytest.mark.parametrize("level", [0, 90, 255])
def test_black_white_and_any_plain_colour_are_blank(level: int) -> None:
    assert is_blank(Look(0, plain(level)))
    assert is_blank(Look(0, bytes([level, 0, 255 - level]) * CELLS))
    assert not is_blank(Look(0, halves(40)))


def test_small_changes_of_a_few_cells_and_of_brightness_are_no_other_picture() -> None:
    still = Look(0, halves(100))
    assert not differ(still, Look(1, bytes(min(255, value + 20) for value in still.cells)))
    walker = bytearray(still.cells)
    walker[: 8 * 3] = b"\xff" * (8 * 3)
    assert not differ(still, Look(1, bytes(walker)))
    walker[: 9 * 3] = b"\xff" * (9 * 3)
    assert differ(still, Look(1, bytes(walker)))


def test_the_next_look_goes_where_the_pictures_on_both_sides_differ() -> None:
    found = [Look(10, halves(40)), Look(20, halves(40)), Look(24, halves(160)), Look(60, halves(160))]
    assert next_moment(found, 70, 0.5) == 22


def test_where_all_look_alike_the_next_look_goes_into_the_longest_gap() -> None:
    found = [Look(10, halves(40)), Look(20, halves(40)), Look(60, halves(40))]
    assert next_moment(found, 70, 0.5) == 40
    assert next_moment(found, 200, 0.5) == 130


@given(looks.filter(bool), st.floats(2, 50))
def test_looking_further_ends_by_itself(found: list[Look], least: float) -> None:
    cells = halves(40)
    for _ in range(150):
        at = next_moment(found, 100, least)
        if at is None:
            break
        assert all(abs(at - look.at) >= least / 2 - 1e-9 for look in found)
        found = sorted([*found, Look(at, cells)], key=lambda look: look.at)
    else:
        pytest.fail("still looking")
