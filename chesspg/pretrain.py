"""`python -m chesspg.pretrain`: learn the moves of recorded games; `train --init` can start from the policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from chesspg.terminal.command import fail, one_line_errors, print_help, run, waiting

# Short options and the fields of the configuration that they set.
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

Learn the moves of recorded games, and their results if the network has a value
head. One game in twenty is held out for validation. Ctrl-C stops a run;
--resume continues it bit for bit.

  python -m chesspg.pretrain games.pgn                 ten minutes
  python -m chesspg.pretrain a.pgn.zst b.pgn --min-rating 2000 --epochs 3
  python -m chesspg.train --config chess_quick --init checkpoints/pretrain-…

games to learn from (files may be .gz, .bz2, .xz or .zst; they are parsed once,
and the same files and options use the parsed games again):
  --min-rating R      lowest rating that both players must have
  --min-seconds S     shortest time per player for 40 moves
  --results R,R       results to learn from (default: 1-0,1/2-1/2,0-1)
  --games N           greatest number of games to learn from
  --shards FOLDER     folder of the parsed games (default: checkpoints/shards)

learning:
  --recipe NAME       use the network of this recipe of train, which can then
                      start from the policy (default: {recipe})
  --channels C        channels of the network (default: the recipe's)
  --blocks B          blocks of the network (default: the recipe's)
  --lr X              peak learning rate (default: 0.002)
  --batch N           plies per update (default: 512)
  --epochs N          epochs over the games
  --max-time DD:HH:MM:SS
                      when to stop (default: {time}; none with --epochs)
  --seed N            seed of weights, order and held-out games (default: 0)

the run:
  --run FOLDER        folder to write to (default: a new one in checkpoints/)
  --resume FOLDER     continue the run in this folder with its settings
  --config FILE       a YAML file with fields of the configuration
  --print_config      print the whole configuration as such a file, and stop
  --help-all          list all fields, including those of Lightning's Trainer

The run writes last.safetensors and best.safetensors, which train --init and all
commands that play can read. The short options set fields of the configuration;
all other fields can be set too, such as --trainer.val_check_interval N (updates
between validations) and --trainer.precision NAME. To add evaluation matches:
--trainer.callbacks+=chesspg.EvaluationMatch. See docs/pretrain.md.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse games and learn from them; returns the exit code of `chesspg.runs.run.run`."""
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
            fail(f"--resume uses the settings of the run and can't be combined with {what}; leave {what} out")
    elif not names & {"", "--data.files", "--config", "-c", *FLAGS}:
        fail("no games given; expected a PGN file, or --resume FOLDER")
    elif not names & {"--config", "-c", "--trainer.max_epochs", "--trainer.max_time"}:
        fields.append(("--trainer.max_time", MAX_TIME))
    with waiting("loading PyTorch and Lightning …"):
        from chesspg.imitation.cli import PretrainCLI, network_of  # importing takes seconds
        from chesspg.runs.run import run as train

    with one_line_errors():
        network = network_of(recipes[-1] if recipes else RECIPE)
    line = [word for name, value in fields for word in ((name,) if value is None else (name, value))]
    return train(PretrainCLI, line, {"model.network": network})


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """The (option, value) pairs of the arguments; a file has the option '', a flag the value None."""
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
