"""The bar of every command that takes a while: on standard error, where somebody sees it, and gone at the end."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text


def progress(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


class Rate(ProgressColumn):
    """What `count` counts of a task, per second of its time, written as in `{:,.0f} plies/s`."""

    def __init__(self, form: str, count: Callable[[Task], float]) -> None:
        super().__init__()
        self.form, self.count = form, count

    def render(self, task: Task) -> Text:
        return Text(self.form.format(self.count(task) / task.elapsed) if task.elapsed else "")
