"""`python -m chesspg.pretrain`: a policy learns the moves of recorded games; `train --init` goes on from it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from chesspg.terminal.command import fail, one_line_errors, print_help, run, waiting

# Short options, and the fields of the configuration that they stand for.
SHORT = {
    "--min-rating": "--data.min_rating",
    "--min-seconds": "--data.min_seconds",
    "--results": "--data.results",
    "--games": "--data.games",
    "--shards": "--data.shards",
    "--batch": "--data.batch",
    "--channels": "--model.network.init_args.channels",
    "--blocks": "--model.network.init_args.blocks",
    "--lr": "--model.optimizer.init_args.lr",
    "--epochs": "--trainer.max_epochs",
    "--max-time": "--trainer.max_time",
    "--seed": "--seed_everything",
}
FLAGS = ("--print_config", "--help-all")  # options without a value
RECIPE, MAX_TIME = "chess_quick", "00:00:10:00"
DESCRIPTION = """\
usage: python -m chesspg.pretrain GAMES.pgn [GAMES.pgn …] [--FIELD VALUE …]
       python -m chesspg.pretrain --resume FOLDER [--FIELD VALUE …]

Learn the moves of recorded games, and with the value head their results. One
game in twenty is held out to measure how well. Ctrl-C stops a run, which
--resume goes on with, bit for bit.

  python -m chesspg.pretrain games.pgn                 ten minutes
  python -m chesspg.pretrain a.pgn.zst b.pgn --min-rating 2000 --epochs 3
  python -m chesspg.train --config chess_quick --init checkpoints/pretrain-…

which games, of files that may be .gz, .bz2, .xz or .zst; they are parsed once,
into a folder of shards that the same files and options find again:
  --min-rating R      lowest rating of both players
  --min-seconds S     least time per player for 40 moves
  --results R,R       results to learn from (default: 1-0,1/2-1/2,0-1)
  --games N           most games to learn from
  --shards FOLDER     where parsed games are kept (default: checkpoints/shards)

how to learn:
  --recipe NAME       recipe of train whose network is used, which can then go
                      on with the policy (default: {recipe})
  --channels C        channels of the network, instead of the recipe's
  --blocks B          blocks of the network, instead of the recipe's
  --lr X              peak learning rate (default: 0.002)
  --batch N           plies per update (default: 512)
  --epochs N          epochs over the games
  --max-time DD:HH:MM:SS
                      when to stop (default: {time}, never with --epochs)
  --seed N            seed of weights, order and held-out games (default: 0)

the run:
  --run FOLDER        the folder to write (default: a new one in checkpoints/)
  --resume FOLDER     go on with the run in this folder, by its own settings
  --config FILE       a YAML file with fields of the configuration
  --print_config      print the whole configuration, as such a file, and stop
  --help-all          list all fields, those of Lightning's Trainer included

The run writes what train --init and whatever plays take: last.safetensors, or
best.safetensors by name. The short options stand for fields, and all others
may be given, too, such as --trainer.val_check_interval N, the updates between
validations, --trainer.precision NAME, or evaluation matches:
--trainer.callbacks+=chesspg.EvaluationMatch. docs/pretrain.md says more.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and learn; the exit code is that of `chesspg.training.run.run`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(arguments):
        print_help(DESCRIPTION.format(recipe=RECIPE, time=MAX_TIME))
        return 0
    given = list(_options(arguments))
    names = {name for name, _ in given}
    files = [value for name, value in given if not name and value is not None]
    recipes = [value for name, value in given if name == "--recipe" and value is not None]
    fields = [(name, value) for name, value in given if name not in ("", "--recipe")]
    if files:
        fields.insert(0, ("--data.files", json.dumps(files)))
    if "--resume" in names:
        if files or recipes:
            what = "files" if files else "--recipe"
            fail(f"--resume goes on with all that is the run's own; leave {what} out")
    elif not names & {"", "--data.files", "--config", "-c", *FLAGS}:
        fail("no games given; expected a PGN file, or --resume FOLDER")
    elif not names & {"--config", "-c", "--trainer.max_epochs", "--trainer.max_time"}:
        fields.append(("--trainer.max_time", MAX_TIME))
    with waiting("loading PyTorch and Lightning …"):
        from chesspg.imitation.cli import PretrainCLI, network_of  # takes seconds
        from chesspg.training.run import run as train

    with one_line_errors():
        network = network_of(recipes[-1] if recipes else RECIPE)
    line = [word for name, value in fields for word in ((name,) if value is None else (name, value))]
    return train(PretrainCLI, line, {"model.network": network})


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(name of a field's option, value) of each argument; a file has the name '', a flag the value None."""
    words = iter(arguments)
    for word in words:
        name, given, value = word.partition("=")
        if not word.startswith("-"):
            yield "", word
        elif name in FLAGS:
            yield word, None
        elif not given and (following := next(words, "--")).startswith("--"):
            fail(f"{name} needs a value")
        else:
            text = value if given else following
            results = name == "--results"
            yield SHORT.get(name, name), json.dumps(text.split(",")) if results else text


if __name__ == "__main__":
    run(main)
