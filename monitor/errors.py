"""The exceptions that a person reads; they carry only text that is safe to print."""


class MonitorError(Exception):
    """Something that ends a command, said in one sentence to whoever typed it."""


class ConfigError(MonitorError):
    """Every mistake of a configuration at once, one line each: key, value, mend."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ProfileError(MonitorError):
    """A query of a profile does not give what its check needs: file, column, mend."""
