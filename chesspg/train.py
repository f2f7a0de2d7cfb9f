"""`python -m chesspg.train`: learn a game by policy gradients."""

from __future__ import annotations

import sys

from chesspg.storage.shipped import shipped_files
from chesspg.terminal.command import print_help, run, waiting

DESCRIPTION = """\
usage: python -m chesspg.train [--config RECIPE] [--FIELD VALUE …]
       python -m chesspg.train --resume FOLDER [--FIELD VALUE …]

Learn a game by policy gradients: sample games from the current policy, weight
their moves by the outcome, take a gradient step, and repeat. Ctrl-C stops a
run; --resume continues it bit for bit.

  python -m chesspg.train                              ten minutes of chess
  python -m chesspg.train --config tic_tac_toe_plain   one minute
  python -m chesspg.train --config chess_quick --trainer.max_time 00:01:00:00

the run:
  --config RECIPE     the game and how to learn it: one of the recipes below, or
                      a YAML file (default: chess_quick)
  --resume FOLDER     continue the run in this folder with its settings
  --init POLICY       start from the weights of a policy file, .ckpt, run folder
                      or policy that ships
  --run FOLDER        folder to write to (default: a new one in checkpoints/)
  --print_config      print the whole configuration as a recipe, and stop
  --help-all          list all fields, including those of Lightning's Trainer

recipes:
{recipes}

fields of a recipe, which can be set here:
  --data.game CLASS                 the game as module.Class, for example
                                    my_module.Nim from the current folder
  --data.games N                    games per rollout
  --data.updates N                  optimizer steps per rollout
  --data.max_plies N                stop longer games
  --model.advantages.baseline NAME  none, running_mean, leave_one_out, value, or
                                    the import path of your own function
  --model.loss.entropy_weight X     weight of the entropy bonus
  --model.optimizer.init_args.lr X  learning rate
  --trainer.max_time DD:HH:MM:SS    when to stop
  --trainer.max_epochs N            number of rollouts after which to stop
  --trainer.check_val_every_n_epoch N
                                    rollouts between evaluation matches
  --trainer.precision NAME          32-true or bf16-mixed
  --trainer.accelerator NAME        cpu, gpu or auto
  --seed_everything N               seed of all random numbers

See docs/recipes.md about the recipes and docs/metrics.md about what is logged.
"""


def main(arguments: list[str] | None = None) -> int:
    """Train; returns the exit code of `chesspg.runs.run.run`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        print_help(DESCRIPTION.format(recipes="\n".join(_recipes())))
        return 0
    with waiting("loading PyTorch and Lightning …"):
        from chesspg.runs.run import run as train  # importing takes seconds
        from chesspg.runs.train_cli import TrainCLI

    return train(TrainCLI, arguments)


def _recipes() -> list[str]:
    """A line per recipe that ships: its name and the first line of its comment."""
    lines = []
    for name, path in shipped_files("configs", ".yaml").items():
        with path.open(encoding="utf-8") as file:
            lines.append(f"  {name:<18}{file.readline().lstrip('# ').rstrip()}")
    return lines


if __name__ == "__main__":
    run(main)
