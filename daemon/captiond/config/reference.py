"""config.example.toml and the tables of docs/configuration.md, made from the models.

`python -m captiond.config.reference` in a checkout's top folder writes both; a test holds them to it.
"""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

from captiond.config import describe
from captiond.config.describe import NAME, Setting
from captiond.config.models import OXEN_BASE_URL, OXEN_KEY_ENV, OXEN_MODEL
from captiond.config.variables import PROMPT_VARIABLES

EXAMPLE = Path("config.example.toml")
MANUAL = Path("docs/configuration.md")
BEGIN, END = "<!-- made by captiond.config.reference -->", "<!-- end -->"

_HEAD = """\
captiond's configuration: every setting with its default. As it stands, this file changes nothing.

Take the # away before what you want to set. captiond reads the first of: the file that --config names, $CAPTIOND_CONFIG,
./captiond.toml, $XDG_CONFIG_HOME/captiond/config.toml, /etc/captiond/config.toml. `captiond config` shows what is in
force, and where each value came from."""

_TABLES = {
    "database": "Captions, jobs and the search index: one SQLite file.",
    "endpoints.NAME": "A server that speaks OpenAI's POST /chat/completions. Any name; as many as you like.",
    "endpoints.NAME.price": "What an endpoint's calls cost, where its list of models does not tell, or tells another's price.",
    "endpoints.NAME.budget": "What may be spent at this endpoint, within the budget of everything.",
    "recipes.NAME": "What to ask. The recipe called default is used where no other is named.",
    "watch": "A watched folder, a root. One such table for each.",
    "watch.budget": "What may be spent on the files of this root, within the budget of everything.",
    "sidecar": "The JSON file beside each captioned file.",
    "queue": "How often and when failed work is tried again.",
    "budget": "What may be spent. When it is, files wait for the next day or month; what the local model does is free.",
    "media": "Limits on decoding, which happens in processes of its own.",
    "local": 'The local model (extra `captiond[local]`), asked where a recipe says `endpoint = "local"`.',
    "log": "What the service says.",
}
_NAMES = {"endpoints": "oxen", "recipes": "default"}

EXAMPLES = {
    ("database", "url"): "sqlite:////var/lib/captiond/captions.db",
    ("sidecar", "mode"): "0644",
    ("sidecar", "owner"): 1000,
    ("sidecar", "group"): "users",
    ("endpoints.NAME", "base_url"): OXEN_BASE_URL,
    ("endpoints.NAME", "api_key_env"): OXEN_KEY_ENV,
    ("endpoints.NAME", "api_key_file"): "/etc/captiond/api-key",
    ("endpoints.NAME", "model"): OXEN_MODEL,
    ("endpoints.NAME", "requests_per_minute"): 60,
    ("endpoints.NAME", "tokens_per_minute"): 200_000,
    ("endpoints.NAME", "hours"): "22:00-06:00",
    ("endpoints.NAME.price", "input_per_million"): 0.5,
    ("endpoints.NAME.price", "output_per_million"): 3,
    ("endpoints.NAME.budget", "usd_per_day"): 2.5,
    ("endpoints.NAME.budget", "usd_per_month"): 50,
    ("endpoints.NAME.budget", "calls_per_day"): 1000,
    ("recipes.NAME", "system"): "You write captions for the archive of a museum.",
    ("recipes.NAME", "language"): "en",
    ("recipes.NAME", "endpoint"): "oxen",
    ("recipes.NAME", "model"): OXEN_MODEL,
    ("recipes.NAME", "temperature"): 0.2,
    ("watch", "path"): "/srv/media/incoming",
    ("watch", "public_url"): "https://cdn.example/{relpath}",
    ("watch.budget", "usd_per_day"): 1,
    ("watch.budget", "usd_per_month"): 20,
    ("watch.budget", "calls_per_day"): 500,
    ("budget", "usd_per_day"): 5,
    ("budget", "usd_per_month"): 100,
    ("budget", "calls_per_day"): 2000,
    ("local", "model_path"): "/var/lib/captiond/models/model.gguf",
    ("local", "mmproj_path"): "/var/lib/captiond/models/mmproj.gguf",
}
"""A value to show for what has no default."""


def example() -> str:
    """The text of config.example.toml."""
    blocks = ["\n".join(f"# {line}".rstrip() for line in _HEAD.splitlines())]
    for table, group in itertools.groupby(describe.settings(), key=lambda setting: setting.table):
        lines = [f"# {_TABLES[table]}", _header(table)]
        for setting in group:
            lines += [f"# {line}" for line in textwrap.wrap(setting.meaning, 117)]
            lines.append(f"#{setting.key} = {describe.toml(_value(setting))}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def tables() -> str:
    """The generated part of docs/configuration.md."""
    parts = []
    for table, group in itertools.groupby(describe.settings(), key=lambda setting: setting.table):
        rows = [
            f"## `{_title(table)}`",
            "",
            _TABLES[table],
            "",
            "| key | takes | default | meaning |",
            "|---|---|---|---|",
        ]
        for setting in group:
            cells = [f"`{setting.key}`", setting.allowed, _default(setting), setting.meaning]
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(rows))
    rows = ["## Variables of a prompt", "", "| variable | becomes |", "|---|---|"]
    rows += [f"| `{{{name}}}` | {meaning} |" for name, meaning in PROMPT_VARIABLES.items()]
    return "\n\n".join([*parts, "\n".join(rows)])


def manual(text: str) -> str:
    """The manual with its generated part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def main() -> None:
    """Write both files, in the current folder."""
    EXAMPLE.write_text(example(), encoding="utf-8")
    MANUAL.write_text(manual(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")


def _value(setting: Setting) -> object:
    if setting.default is None:
        return EXAMPLES[setting.table, setting.key]
    return setting.default


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return "not set" if setting.default is None else f"`{describe.toml(setting.default)}`"


def _header(table: str) -> str:
    """The table's line: active where an empty table changes nothing."""
    if table == "watch":
        return "#[[watch]]"
    kind = table.partition(".")[0]
    header = f"[{table.replace(NAME, _NAMES.get(kind, NAME))}]"
    return f"#{header}" if kind in ("endpoints", "watch") else header


def _title(table: str) -> str:
    return "[[watch]]" if table == "watch" else f"[{table}]"


if __name__ == "__main__":
    main()
