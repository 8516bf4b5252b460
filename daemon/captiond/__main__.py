"""The program's entry point: `captiond` and `python -m captiond`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code. Ctrl-C is quiet from the first import on."""
    try:
        from captiond.cli.main import program

        code = program(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
