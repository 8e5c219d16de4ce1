"""The command line: one file a verb. Nothing heavy is imported before a verb needs it."""


def main() -> None:
    """Entry point of the ``mho`` program."""
    from mho.cli.application import application

    application()
