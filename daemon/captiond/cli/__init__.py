"""The command line: parse, call, print. One file a command; to add one, write it and name it in `main.COMMANDS`."""
