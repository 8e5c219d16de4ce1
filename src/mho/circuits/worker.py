"""The program of a worker process: reads jobs from its standard input, writes progress and results to its output."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Serve jobs until the input ends."""
    if len(sys.argv) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints goes to the error stream, not between the messages
    from mho.circuits.workers import receive, send

    while True:
        try:
            function, arguments, keywords, wants_progress = receive(sys.stdin.buffer)
        except EOFError:
            return

        def report(done: int, _: int) -> None:
            send(channel, ("progress", done))

        try:
            answer = ("result", function(*arguments, **keywords, progress=report if wants_progress else None))
        except Exception as error:
            answer = ("error", error)
        send(channel, answer)


if __name__ == "__main__":
    main()
