"""The command line: one file a verb. Nothing heavy is imported before a verb needs it."""


def main() -> None:
    """Entry point of the ``mho`` program."""
    import os
    import sys

    from mho.cli.application import application

    try:
        application()
    except SystemExit as end:
        if (
            end.code == 130
        ):  # interrupted: stages may still run in threads that nothing waits for; what is kept is whole
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        raise
