"""Where keys stand in a TOML file."""

from __future__ import annotations

from captiond.config.lines import key_lines, line_of

TEXT = '''# a comment = 1
[database]
url = "x" # = [
[endpoints.oxen]
a.b = 1
"quoted key" = """
[no]
no = 2
"""
l = [
  "x = 3", # ]
  { no = 1 },
]
[[watch]]
path = '/a'
[[watch]]

  path = "/b"
include = ["a", """b
c = 4"""]
mode="poll"
[watch.more]
x = 1
'''


def test_every_key_has_the_line_it_stands_on() -> None:
    assert key_lines(TEXT) == {
        ("database",): 2,
        ("database", "url"): 3,
        ("endpoints", "oxen"): 4,
        ("endpoints", "oxen", "a", "b"): 5,
        ("endpoints", "oxen", "quoted key"): 6,
        ("endpoints", "oxen", "l"): 10,
        ("watch", 0): 14,
        ("watch", 0, "path"): 15,
        ("watch", 1): 16,
        ("watch", 1, "path"): 18,
        ("watch", 1, "include"): 19,
        ("watch", 1, "mode"): 21,
        ("watch", 1, "more"): 22,
        ("watch", 1, "more", "x"): 23,
    }


def test_what_is_missing_is_looked_for_in_its_table() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("watch", 1, "recipe")) == 16
    assert line_of(lines, ("endpoints", "oxen", "l", 1, "no")) == 10
    assert line_of(lines, ("queue", "x")) is None
