"""From the queue to the caption: claims what it can start, moves it through the pools, records what became of it.

`loop` is the one thread that claims and records; `tasks` are its notes of what is under way. `claims` takes jobs, as many
as `rooms` says there is room for. `pools` start `work` (read, encode, ask, publish) on the right threads, of which
`workers` can be left behind, with `decoders` at hand; `hangs` sees which have to be. Each brings back a frozen outcome.
`outcomes` says what that means and which `steps` follow, `record` writes it down, `committer` in as few commits as may be;
`retries` says when a sidecar is tried again. `routes` are whom to ask and how, by recipe; `health` is how the endpoints
are, `holds` and `budgets` why they are not asked though they are well, `knowledge` what they taught.
"""

from captiond.dispatch.loop import Dispatcher

__all__ = ["Dispatcher"]
