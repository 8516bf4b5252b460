"""One call to a model: a request goes in, an answer or a typed failure comes out.

`base` is the interface, `build` makes an endpoint of a name; `chat` speaks to servers, `local` runs one in this
process, `builtin` measures instead of asking. A new dialect is one new file here, and one line in `build`.
"""
