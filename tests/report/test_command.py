"""`python -m chesspg.report`: what it refuses, where its page goes, what it prints."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chesspg.report import __main__ as report
from chesspg.report import page

pytestmark = pytest.mark.slow


def test_the_newest_run_if_none_is_named(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "one").symlink_to(folders / "small")
    monkeypatch.chdir(tmp_path)
    assert report.main([]) == 0
    assert report.main([]) == 0  # the earlier page is replaced
    line = "wrote checkpoints/one/report.html (from checkpoints/one); open it in a browser\n"
    assert capsys.readouterr().out == 2 * line
    assert (tmp_path / "checkpoints" / "one" / "report.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("no run under ./checkpoints", "chesspg.train")),
        (["nowhere"], ("there is no nowhere; expected a run folder or a file of games",)),
        (["/dev/null"], ("/dev/null is neither a folder nor a file; expected",)),
        (["."], ("is not a run folder", "metrics.csv", "config.yaml")),
        (["HOME/small.yaml"], ("small.yaml has no games in it; expected a run folder or a file of games",)),
        (
            ["HOME/small/last.ckpt"],
            ("last.ckpt is a zip archive; expected a run folder, such as HOME/small, or a file of games",),
        ),
        (
            ["HOME/small/last.safetensors"],
            ("is a policy file; expected a run folder, such as HOME/small, or a file of games",),
        ),
        (["HOME/small/metrics.csv"], ("metrics.csv has no games in it; expected a run folder, such as HOME/small,",)),
        (["HOME/ours.safetensors"], ("ours.safetensors is a policy file; expected a run folder or a file of games",)),
        (["HOME/theirs.safetensors"], ("is a safetensors file; expected a run folder or a file of games",)),
        (["HOME/picture.png"], ("picture.png is an image; expected a run folder or a file of games",)),
        (
            ["HOME/games.pgn", "HOME/empty.pgn"],
            ("empty.pgn has no games in it; expected a run folder or a file of games",),
        ),
        (
            ["HOME/bad.pgn", "--policy", "HOME/chess", "--out", "page.html"],
            (
                "none of the 7 games in HOME/bad.pgn can be shown as a game of chess: "
                "line 1: ply 1: unknown move 'P-K4'; moves are written as in Nf3 or g1f3; line 3: ply 2: e4 is illegal",
                "; and 2 more",
            ),
        ),
        (["HOME/games.pgn", "--policy", "greedy"], ("'greedy' is a player without a policy",)),
        (["HOME/games.pgn", "--policy", "nobody"], ("unknown policy 'nobody'",)),
        (["HOME/games.pgn", "--policy", "HOME/chess?random=0.1"], ("must be a policy without random moves",)),
        (
            ["HOME/games.pgn", "--policy", "HOME/small", "--out", "page.html"],
            ("none of the 3 games in", "tic-tac-toe: line 1: chess instead"),
        ),
        (
            ["HOME/twice.pgn", "--out", "page.html"],
            (
                "no policy that plays nobody knows it, ",
                "name one with --policy, and with --import the module of the game if it is your own",
            ),
        ),
        (["HOME/small", "--policy", "HOME/chess"], ("--policy", "no file of games")),
        (["HOME/small", "--out", "HOME/games.pgn"], ("games.pgn exists and is not a page of chesspg", "--out")),
        (["HOME/small", "--out", "nowhere/page.html"], ("no folder nowhere",)),
        (["HOME/small", "--out", "."], ("is a folder",)),
        (["HOME/small", "--out", "/proc/page.html"], ("can't be written",)),
        (["HOME/small", "--page"], ("--page", "--help")),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., None],
    arguments: list[str], words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    home = str(folders)
    refused(
        report.main,
        [argument.replace("HOME", home) for argument in arguments],
        tuple(word.replace("HOME", home) for word in words),
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(28, "No space left on device", "page"), 2), (KeyboardInterrupt(), 130)]
)
def test_what_is_there_stays_if_the_page_fails(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(path: Path, text: str, **options: str) -> None:
        with path.open("w") as file:
            file.write(text[:100])
        raise error

    out = tmp_path / "page.html"
    assert report.main([str(folders / "new"), "--out", str(out)]) == 0
    old = out.read_text()
    monkeypatch.setattr(page.Path, "write_text", fail)
    with pytest.raises(SystemExit) as caught:
        report.main([str(folders / "new"), "--out", str(out)])
    assert caught.value.code == code
    assert out.read_text() == old
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("named", "page"),
    [
        (["small"], "small/report.html"),
        (["games.pgn"], "games.html"),
        (["zipped.pgn.gz"], "zipped.html"),
        (["small", "games.pgn"], "report.html"),
        (["small", "new"], "report.html"),
    ],
)
def test_where_the_page_goes(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    named: list[str], page: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("small", "new", "chess"):
        shutil.copytree(folders / name, tmp_path / name)
    shutil.copy(folders / "games.pgn", tmp_path)
    (tmp_path / "zipped.pgn.gz").write_bytes(gzip.compress((folders / "games.pgn").read_bytes()))
    policy = ["--policy", "chess"] if any("pgn" in name for name in named) else []
    assert report.main([*named, *policy]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {page} (from {', '.join(named)}); open it in a browser"
    (tmp_path / page).write_text("my notes")
    with pytest.raises(SystemExit) as caught:
        report.main([*named, *policy])
    assert caught.value.code == 2
    assert (tmp_path / page).read_text() == "my notes"


def test_games_that_are_left_out_are_named_and_counted(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folders / "chess", tmp_path / "checkpoints" / "chess")
    shutil.copytree(folders / "small", tmp_path / "checkpoints" / "newer")
    os.utime(tmp_path / "checkpoints" / "chess" / "last.safetensors", (1000, 1000))
    shutil.copy(folders / "games.pgn", tmp_path)
    assert report.main(["games.pgn"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "games.pgn, line 14 is left out: ply 2: e4 is illegal here\n"
    first, _ = printed.out.splitlines()
    assert first.endswith("2 of 3 games (1 can't be shown), with the moves and values of checkpoints/chess "
                          "(the newest run of chess under ./checkpoints)")  # fmt: skip


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        report.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for word in (
        "RUN",
        "GAMES",
        "--policy",
        "--out",
        "RUN/report.html",
        "GAMES.html",
        "./report.html",
        "replaced",
        "newest",
    ):
        assert word in printed
