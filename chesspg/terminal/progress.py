"""The progress bar of commands: on standard error, only on a terminal, and removed at the end."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text


def progress(*columns: ProgressColumn) -> Progress:
    """A progress bar with these columns, to be used as a context manager."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


class Rate(ProgressColumn):
    """A column that shows a count per second of elapsed time.

    Args:
        form: How the rate is written, such as `{:,.0f} plies/s`.
        count: The count of a task so far.
    """

    def __init__(self, form: str, count: Callable[[Task], float]) -> None:
        super().__init__()
        self.form, self.count = form, count

    def render(self, task: Task) -> Text:
        return Text(self.form.format(self.count(task) / task.elapsed) if task.elapsed else "")
