"""What commands share: mistakes in one line, interrupts, options, help, and checks of files before the work."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chesspg.__main__ import COMMANDS
from chesspg.storage.lock import Busy, only_one
from chesspg.storage.outputs import Output, check_outputs, check_writable, json_has
from chesspg.terminal.command import Parser, interrupt_later, one_line_errors, polite_interrupt
from chesspg.terminal.numbers import whole


def test_mistakes_end_in_one_line_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, one_line_errors():
        raise ValueError("so\n  it goes")
    assert caught.value.code == 2
    with pytest.raises(SystemExit), one_line_errors():
        Path("/nowhere/file").read_text()
    with pytest.raises(SystemExit), one_line_errors():
        raise OSError("the disk is full")
    with pytest.raises(SystemExit), one_line_errors():
        raise ValueError("no game \x1b[31m, \x07, \u202e, \udc80, \N{EN DASH} 9")
    assert capsys.readouterr().err.splitlines() == [
        "error: so it goes",
        "error: /nowhere/file: No such file or directory",
        "error: the disk is full",
        r"error: no game \x1b[31m, \x07, \u202e, \udc80, – 9",
    ]


def test_a_file_name_that_is_no_text_is_printed_as_escapes() -> None:
    code = (
        "import os\nfrom chesspg.terminal.command import run\n"
        "run(lambda: print(os.fsdecode(b'caf\\xe9 \\xe2\\x80\\xa6')) or 0)"
    )
    for encoding, said in (("utf-8:strict", "caf\\udce9 …\n"), ("latin-1:strict", "caf\\udce9 \\u2026\n")):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert (ended.returncode, ended.stdout) == (0, said)


def test_bugs_are_not_hidden() -> None:
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("bug")
    with pytest.raises(ValueError, match="bug"), one_line_errors(OSError):
        raise ValueError("bug")


@pytest.mark.slow
def test_a_full_gpu_gives_one_line_and_exit_code_two() -> None:
    code = """
import torch
from chesspg.terminal.command import run
def main():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\\nGPU 0 has …")
run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: the memory of the GPU is full; end other programs that use it, or compute on the CPU"
    ]


@pytest.mark.slow
def test_an_interrupt_that_python_drops_ends_a_wait() -> None:
    """Python drops what a finalizer raises; the signal is raised once more while the main thread waits already."""
    code = """
import os, signal, time
from chesspg.terminal.command import run
class Odd:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
def main():
    Odd()
    time.sleep(1000)
run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (130, "\ninterrupted\n")


def test_interrupts_end_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, polite_interrupt("goodbye"):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr().err.split() == ["goodbye"]


def test_an_interrupt_waits_for_the_end_of_a_block() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupt_later():  # noqa: PT012  # what comes after the signal is the point
        signal.raise_signal(signal.SIGINT)
        done.append("after the signal")
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_signals_that_interrupt_wait_as_well() -> None:
    done = []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), interrupt_later():  # noqa: PT012
        signal.raise_signal(signal.SIGTERM)
        done.append("after the signal")
    assert done
    assert signal.signal(signal.SIGTERM, before) is signal.default_int_handler


def test_a_second_interrupt_comes_at_once() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupt_later():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        done.append("after the first")
        signal.raise_signal(signal.SIGINT)
        done.append("after the second")
    assert done == ["after the first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_in_a_block_of_another_thread_comes_at_once() -> None:
    inside, go = threading.Event(), threading.Event()

    def block() -> None:
        with interrupt_later():
            inside.set()
            go.wait(10)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(block)
        assert inside.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        go.set()
        other.result()


def test_a_pipe_that_nobody_reads_is_no_mistake() -> None:
    with pytest.raises(BrokenPipeError), one_line_errors():
        raise BrokenPipeError


def test_a_parser_complains_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("prog")
    parser.add_argument("--number", type=int)
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--number", "x"])
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "--number" in line


def test_a_parser_names_the_option_and_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("prog")
    parser.add_argument("--number", type=whole(1, 3))
    with pytest.raises(SystemExit):
        parser.parse_args(["--number", "4"])
    assert capsys.readouterr().err == "error: --number must be a whole number from 1 to 3, got '4'\n"


def test_writable_or_not(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("old")
    check_writable(there)
    check_writable(tmp_path / "new.json")
    assert there.read_text() == "old"
    assert list(tmp_path.iterdir()) == [there]
    with pytest.raises(ValueError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        check_writable(tmp_path / "nowhere" / "new.json")
    with pytest.raises(ValueError, match="there is no folder"):
        check_writable(there / "new.json")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="is a device or a pipe"):
            check_writable(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="can't be written"):
        check_writable(tmp_path / "new.json")


def test_only_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with only_one(lock, "busy"):
        with pytest.raises(Busy, match="busy"), only_one(lock, "busy"):
            pass
        done: list[str] = []

        def waits() -> None:
            with only_one(lock):
                done.append("after")

        thread = threading.Thread(target=waits)
        thread.start()
        thread.join(0.2)
        done.append("before")
    thread.join()
    assert done == ["before", "after"]
    with only_one(lock, "busy"):  # nothing is left held
        pass


def test_a_module_of_ones_own_is_imported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [one for one in sys.path if one])  # as in a console script
    (tmp_path / "my_own_game.py").write_text("")
    (tmp_path / "my_broken_game.py").write_text("1 / 0")
    assert Parser("x").parse_args(["--import", "my_own_game"]).imported == ("my_own_game",)
    assert Parser("x").parse_args([]).imported == ()
    assert "my_own_game" in sys.modules
    for name, message in (
        ("my_missing_game", "No module named 'my_missing_game'; expected a module in the current folder"),
        ("/a/game.pgn", "No module named '/a/game'; expected a module in the current folder or in PYTHONPATH"),
        ("my_broken_game", "the module raised ZeroDivisionError: division by zero"),
    ):
        with pytest.raises(SystemExit) as caught:
            Parser("x").parse_args(["--import", name])
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: --import {name}: {message}")
        assert error.count("\n") == 1
    for name in ("", ".my_own_game"):
        with pytest.raises(SystemExit):
            Parser("x").parse_args(["--import", name])
        assert capsys.readouterr().err.startswith(f"error: --import {name!r}: expected a module")


def test_only_what_the_command_wrote_is_replaced(tmp_path: Path) -> None:
    def ours(path: Path) -> bool:
        return path.read_text() == "ours"

    new, empty, earlier, notes = (tmp_path / name for name in ("new", "empty", "earlier", "notes"))
    empty.touch()
    earlier.write_text("ours")
    notes.write_text("notes")
    check_outputs([Output("--a", new, ours), Output("--b", empty, ours), Output("--c", earlier, ours)], {"x": notes})
    with pytest.raises(ValueError, match=r"notes holds something other than what --a writes; it is left as it is"):
        check_outputs([Output("--a", notes, ours)], {})
    (tmp_path / "folder").mkdir()
    same = tmp_path / "folder" / ".." / "new"
    with pytest.raises(ValueError, match=r"--a and --b are both .*new; expected a file for each"):
        check_outputs([Output("--a", new, ours), Output("--b", same, ours)], {})
    hard = tmp_path / "hard"
    os.link(earlier, hard)
    with pytest.raises(ValueError, match="are both"):
        check_outputs([Output("--a", earlier, ours), Output("--b", hard, ours)], {})
    with pytest.raises(ValueError, match=r"--a .*hard is the file of player x, which is left as it is"):
        check_outputs([Output("--a", hard, ours)], {"player x": earlier, "y": None})
    with pytest.raises(ValueError, match="there is no folder"):
        check_outputs([Output("--a", tmp_path / "nowhere" / "new", ours)], {})
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "earlier", "notes", "folder", "hard"}


@pytest.mark.parametrize("target", ["earlier", "nowhere", "link", "folder"])
def test_a_link_is_not_replaced(target: str, tmp_path: Path) -> None:
    (tmp_path / "earlier").write_text("ours")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(ValueError, match=f"link is a symbolic link to {target}; expected the name of a file$"):
        check_outputs([Output("--a", link, lambda _: True)], {"x": tmp_path / "earlier"})
    check_outputs([Output("--a", tmp_path / "earlier", lambda _: True)], {"x": link if target == "link" else None})
    assert os.readlink(link) == target


def test_json_of_a_command(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, known in (('{"a": 1, "b": 2}', True), ('{"a": 1}', False), ("[]", False), ("{", False), ("é", False)):
        path.write_text(text, encoding="latin-1")
        assert json_has(path, {"a", "b"}) == known


HELP = """\
A first paragraph that is long enough to be wrapped,
of two lines.

  name                a row of a table with a description that is long
  chesspg x --y file  another one
and what follows it.
"""


@pytest.mark.parametrize("width", [100, 60, 44])
def test_help_fits_the_terminal_and_cuts_no_word(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    parser = Parser("python -m chesspg.something", description=HELP)
    words = "a drawn-out explanation, with my-run?x=0.3 in it, of what it is"
    parser.add_argument("--an-option", choices=("updates", "games", "plies"), help=words)
    parser.add_argument("--another-option", metavar="FILE", nargs="+", help=words)
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    printed = " ".join(" ".join(lines).split())
    assert printed.count(words) == 2
    assert " ".join(HELP.split()) in printed
    assert "" in lines[lines.index("of two lines.") if "of two lines." in lines else 0 :]


@pytest.mark.parametrize("command", [*(f"chesspg.{name}" for name in COMMANDS), "studies.estimators"])
def test_the_help_of_every_command_fits_eighty_and_sixty_columns(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(command)
    main = (importlib.import_module(f"{command}.__main__") if hasattr(module, "__path__") else module).main
    texts = []
    for width in (80, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        try:
            code = main(["--help"])
        except SystemExit as end:
            code = end.code
        assert code == 0
        texts.append(capsys.readouterr().out)
        assert max(map(len, texts[-1].splitlines())) <= width
    assert texts[0].split() == texts[1].split()  # no word is cut


@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_the_help_of_commands_with_a_configuration_fits_eighty_columns(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importlib.import_module(f"chesspg.{command}").main(["--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
