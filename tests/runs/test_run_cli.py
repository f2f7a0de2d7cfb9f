"""The fields of a run's configuration: each can be given, and a bad value is refused in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from own_parts import Kept
from preloaded import Started
from safetensors.torch import load_file
from training_runs import SMALL_CHESS, assert_same_weights, contents, end_of, rollouts, train

from chesspg.runs.train_cli import _about
from chesspg.train import main
from chesspg.training.checkpoints import read_checkpoint

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")

LEAVE_ONE_OUT = "--model.advantages.baseline leave_one_out --model.advantages.gae_lambda null"
Start = Callable[..., Started]


def test_any_field_can_be_overridden(folder: Path) -> None:
    line = (
        "--config small.yaml --run run --trainer.max_epochs 1 --seed_everything 11 "
        "--model.network chesspg.policy.networks.MLP --model.network.init_args.hidden [5,6] "
        "--model.optimizer torch.optim.SGD --model.optimizer.lr 0.5 "
        "--model.advantages.baseline none --model.advantages.gae_lambda null "
        '--data.starts ["x2/1o1/3 x","3/3/2x o"] --data.passes 1 --data.updates 1'
    )
    assert train(line) == 0
    checkpoint = read_checkpoint(folder / "run/last.ckpt")
    assert checkpoint["state_dict"]["policy.network.body.2.weight"].shape == (6, 5)
    assert checkpoint["optimizer_states"][0]["param_groups"][0]["initial_lr"] == 0.5
    assert yaml.safe_load((folder / "run/config.yaml").read_text())["data"]["starts"][1] == "3/3/2x o"


@pytest.mark.parametrize("short", ["--config", "-c"])
def test_print_config_is_complete(short: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([short, "tic_tac_toe", "--data.games", "7", "--print_config"])
    assert ended.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["seed_everything"] == 1
    assert printed["data"]["games"] == 7
    assert printed["model"]["network"]["class_path"] == "chesspg.MLP"
    assert {"advantages", "loss", "lr_scheduler", "temperature"} <= printed["model"].keys()
    assert {"baseline", "gae_lambda", "normalize"} <= printed["model"]["advantages"].keys()
    assert {"clip", "average", "entropy_weight", "value_weight", "kl_weight"} <= printed["model"]["loss"].keys()
    assert {"updates", "passes", "max_plies", "starts", "material_weight"} <= printed["data"].keys()
    assert {"max_epochs", "gradient_clip_val", "precision", "strategy", "devices"} <= printed["trainer"].keys()
    assert list(folder.iterdir()) == [folder / "small.yaml"]


def test_help_is_complete(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help-all"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in ("--resume", "--run", "--config", "--model.advantages", "--model.loss.clip", "--data.games",
                  "--data.starts", "--trainer.max_time", "--trainer.accumulate_grad_batches",
                  "--print_config"):  # fmt: skip
        assert field in text, field
    assert "ε of the clipped ratio (PPO)" in text  # the docstrings are the help
    assert "The ply cap" in text
    assert list(folder.iterdir()) == [folder / "small.yaml"]


def test_without_a_progress_bar_and_without_checkpoints(folder: Path) -> None:
    assert (
        train(
            "--config small.yaml --run run --trainer.max_epochs 1 --trainer.enable_progress_bar false "
            "--trainer.enable_checkpointing false"
        )
        == 0
    )
    assert not list(folder.glob("run/*.ckpt"))


@pytest.mark.slow
def test_starts_that_are_drawn(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 1 --data.starts own_parts.Drawn") == 0
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert kept["data"]["starts"]["class_path"] == "own_parts.Drawn"
    assert train("--resume run --trainer.max_epochs 2") == 0


@pytest.mark.slow
def test_starts_that_are_drawn_for_several_games_have_others_alike(folder: Path) -> None:
    line = f"--config small.yaml --run run --trainer.max_epochs 1 {LEAVE_ONE_OUT}"
    armies = '{"class_path": "chesspg.games.chess.starts.UnevenArmies", "init_args": {"share": 1.0, "alike": 4}}'
    assert train(f"{line} --data.game chesspg.games.chess.Chess --data.max_plies 3 --data.starts '{armies}'") == 0


@pytest.mark.slow
def test_init_starts_from_a_policy_and_a_resumed_run_needs_no_more_than_its_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("--config small.yaml --run teacher --trainer.max_epochs 1")
    line = "--config small.yaml --model.loss.kl_weight 0.1 --init teacher"
    train(f"{line} --run whole")
    weights = load_file(folder / "teacher/last.safetensors")
    assert all(
        torch.equal(tensor, weights[name]) for name, tensor in load_file(folder / "whole/init.safetensors").items()
    )
    assert float(rollouts(folder / "whole")[0]["kl_to_init"]) < float(rollouts(folder / "whole")[-1]["kl_to_init"])
    train(f"{line} --run parts --trainer.max_epochs 2")
    shutil.rmtree(folder / "teacher")
    train("--resume parts --trainer.max_epochs 4")
    assert_same_weights(folder / "whole", folder / "parts")
    capsys.readouterr()
    assert train("--config small.yaml --model.network.init_args.hidden [8] --run other --init whole") == 2
    error = capsys.readouterr().err
    advice = "--model.network.init_args.hidden '[16]'"
    assert error == f"error: whole: its network has hidden [16], the training's [8]; add {advice}\n"
    assert not (folder / "other").exists()
    last = "--config small.yaml --model.network.init_args.hidden [8] --trainer.max_epochs 1"
    assert train(f"{last} --run other --init whole {advice}") == 0


@pytest.mark.parametrize("value", ["value", "none"])
def test_the_advice_for_another_network_makes_the_same_command_work(
    value: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "small_chess.yaml").write_text(SMALL_CHESS)
    few = "--data.games 2 --data.max_plies 2 --trainer.max_epochs 1"
    assert train(f"--config small_chess.yaml {few} --run teacher") == 0
    capsys.readouterr()
    mlp = "--model.network chesspg.policy.networks.MLP --model.network.init_args.value true"
    line = f"--config small_chess.yaml {few} {mlp} --model.advantages.baseline {value} --init teacher --run run"
    assert train(line) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: teacher: its network is ResidualNet, the training's is MLP; add --model.network")
    assert "--model.network.init_args.channels 8 --model.network.init_args.blocks 1" in error
    assert ("--model.advantages.baseline running_mean" in error) == (value == "value")
    assert train(f"{line} {error.partition('; add ')[2]}") == 0


@pytest.mark.slow
def test_averaged_weights_are_what_the_policy_file_has_also_after_resuming(folder: Path) -> None:
    average = "--trainer.callbacks+=pytorch_lightning.callbacks.EMAWeightAveraging --trainer.callbacks.decay 0.5"
    assert train(f"--config small.yaml --run run {average} --trainer.max_epochs 2") == 0
    for epochs in (2, 3):
        assert epochs == 2 or train(f"--resume run --trainer.max_epochs {epochs}") == 0
        checkpoint = read_checkpoint("run/last.ckpt")
        played = load_file("run/last.safetensors")
        for name, weight in played.items():
            assert torch.equal(checkpoint["state_dict"][f"policy.network.{name}"], weight)
        learned = checkpoint["current_model_state"]
        assert any(not torch.equal(learned[f"policy.network.{name}"], weight) for name, weight in played.items())


@pytest.mark.slow
def test_a_users_logger_gets_the_configuration_beside_metrics_csv(folder: Path) -> None:
    assert train("--config small.yaml --run run --trainer.max_epochs 2 --trainer.logger own_parts.Kept") == 0
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    for name in ("model", "data", "trainer", "seed_everything"):
        assert Kept.params[name] == kept[name]
    assert set(Kept.steps) >= {5, 11}
    assert len(rollouts(folder / "run")) == 2
    assert train("--resume run --trainer.max_epochs 3") == 0
    assert len(rollouts(folder / "run")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CSVLogger", "TensorBoardLogger", "pytorch_lightning.loggers.CSVLogger"])
def test_a_logger_of_lightning_by_its_name(name: str, folder: Path) -> None:
    line = "--config small.yaml --run run --trainer.max_epochs 1 --trainer.logger"
    assert train(f"{line} {name}") == 0
    (hparams,) = folder.glob("run/lightning_logs/version_0/hparams.yaml")
    assert yaml.safe_load(hparams.read_text())["data"]["games"] == 32
    assert len(rollouts(folder / "run")) == 1
    assert train(f"{line.replace('run run', 'run other')} {name} --trainer.logger.save_dir mine") == 0
    assert list(folder.glob("mine/lightning_logs/version_0/hparams.yaml"))


TOUCH = """'{"class_path": "os.system", "init_args": {"command": "touch x"}}'"""


BAD = {
    "an argument of the game": (
        "--config hex --data.game.init_args.size 2",
        "--data.game.init_args.size must be between 3 and 19, got 2",
    ),
    "unknown field": ("--data.gamez 3", "--data.gamez"),
    "unknown class": ("--model.network chesspg.policy.networks.Transformer", "Transformer"),
    "unknown argument of a class": ("--model.network.init_args.hiden [3]", "hiden"),
    "bad value": ("--data.games three", "three"),
    "no games": ("--data.games 0", "--data.games must be between 1 and 1,048,576, got 0"),
    "no micro-batch": ("--trainer.accumulate_grad_batches 0", "must be between 1 and 1,048,576, got 0"),
    "no rollout": ("--trainer.max_epochs 0", "--trainer.max_epochs must be at least 1 or -1, got 0"),
    "no such device": ("--trainer.devices 0", "devices"),
    "bad time": ("--trainer.max_time soon", "soon"),
    "illegal start": ('--config chess_quick --data.starts ["8/8/8/8/8/8/8/k6K w - - 0 1","8/8/8/8/8/8/8/7k w - - 0 1"]',
                      "'8/8/8/8/8/8/8/7k w - - 0 1'"),
    "unreadable start": ('--data.starts ["xo/ox"]', "'xo/ox'"),
    "no start": ("--data.starts []", "starts must name at least one position"),
    "one game without others": (f"{LEAVE_ONE_OUT} --data.games 1", "two games"),
    "starts without others": (f"{LEAVE_ONE_OUT} --data.games 3 --data.opponents null "
                              '--data.starts ["3/3/3 x","3/3/2x o"]', "1 of 2 groups"),
    "opponents without others": (f"{LEAVE_ONE_OUT} --data.games 10", "2 of 6 groups"),
    "starts that never come again": (f"{LEAVE_ONE_OUT} --data.starts own_parts.Drawn", "leave_one_out"),
    "no policy to start from": ("--init nowhere", "nowhere"),
    "nothing to stay near": ("--model.loss.kl_weight 0.1", "kl_weight must be 0 unless init names the policy"),
    "unknown opponent in the pool": ("--data.opponents.players '{kasparov: 0.1}'", "unknown player 'kasparov'"),
    "more games than all": ("--data.opponents.players '{random: 0.8}'", "0.8 (random) + 0.3 (earlier policies)"),
    "no room in the pool": ("--data.opponents.size 0", "size must be between 1 and 1,024, got 0"),
    "gae without a value baseline": ("--model.advantages.baseline none", "gae_lambda needs the value baseline"),
    "value without a value head": ("--model.network.init_args.value false", "value head"),
    "reuse without a ratio": ("--model.loss.clip null", "model.loss.clip"),
    "half of everything": ("--trainer.precision bf16-true", "bf16-true"),
    "an end inside a rollout": ("--data.updates 4 --model.loss.clip 0.2 --trainer.max_steps 6",
                                "--trainer.max_steps must be a multiple of 8, the updates per rollout, got 6"),
    "a start that is over": ('--data.starts ["xxx/oo1/3 o"]', "'xxx/oo1/3 o'"),
    "clipping to nothing": ("--model.loss.clip -1", "--model.loss.clip must be above 0 and at most 1,000, got -1"),
    "more than all of what follows": ("--model.advantages.gae_lambda 1.5",
                                      "--model.advantages.gae_lambda must be between 0 and 1, got 1.5"),
    "temperature 0": ("--model.temperature 0", "--model.temperature must be between 0.01 and 100, got 0"),
    "negative learning rate": ("--model.optimizer.init_args.lr -1", "-1"),
    "a schedule by a metric": ("--model.lr_scheduler torch.optim.lr_scheduler.ReduceLROnPlateau", "ReduceLROnPlateau"),
    "network of another game": ("--model.network chesspg.policy.networks.ResidualNet", "use MLP instead"),
    "unknown opponent": ("--trainer.callbacks.init_args.opponents [kasparov]", "kasparov"),
    "a gate the wrong way round": ("--trainer.callbacks.init_args.gate [10,0]", "the lower first, got 10 and 0"),
    "odd games of evaluation": ("--trainer.callbacks.init_args.games 3",
                                "games must be an even number between 2 and 1,048,576, got 3"),
    "unknown recipe": ("--config nowhere", "chess_quick"),
    "an argument without a name": ("''", "unexpected argument ''; options begin with --"),
    "an existing folder": ("--run there", "--resume there"),
    "a path below a file": ("--run small.yaml/run", "small.yaml/run"),
    "nothing to resume": ("--resume nowhere", "no config.yaml"),
    "no folder to resume in": ("--resume ''", "there is nothing to resume in"),
    "no folder for a run": ("--run ''", "exists already"),
    "an empty run": ("--resume there", "no config.yaml"),
    "resume with a config": ("--resume there --config small.yaml", "leave out --config, --init and --run"),
    "resume from another policy": ("--resume there --init chess_quick", "leave out --config, --init and --run"),
    "parts of rollouts": ("--trainer.limit_train_batches 2",
                          "--trainer.limit_train_batches must be left out, since each rollout is learned from as a "
                          "whole, got 2; --data.games sets its size"),
    "no part of rollouts": ("--trainer.limit_train_batches 0", "--trainer.limit_train_batches must be left out"),
    "one batch of a rollout": ("--trainer.fast_dev_run true", "--trainer.fast_dev_run must be left out"),
    "no updates": ("--trainer.max_steps 0", "--trainer.max_steps must be at least 1 or -1, got 0"),
    "more games than memory": ("--data.games 1000000000", "--data.games must be between 1 and 1,048,576"),
    "more plies than memory": ("--data.max_plies 100000000000", "--data.max_plies must be between 1 and"),
    "more updates than memory": ("--data.updates 1000000000", "--data.updates must be between 1 and"),
    "a batch in too many parts": ("--trainer.accumulate_grad_batches 1000000000", "must be between 1 and 1,048,576"),
    "a layer too wide": ("--model.network.init_args.hidden [16,1000000]",
                         "--model.network.init_args.hidden must be between 1 and 16,384, got 1000000"),
    "a network too large": ("--config chess_quick --model.network.init_args.channels 16000",
                            "--model.network must have at most 1,073,741,824 parameters, got 10,"),
    "no time": ("--trainer.max_time 00:00:00:00", "max_time must be DD:HH:MM:SS, above 00:00:00:00, got 00:00:00:00"),
    "no time as a mapping": ("--trainer.max_time '{hours: 0}'", "--trainer.max_time must be DD:HH:MM:SS, above"),
    "gradients below nothing": ("--trainer.gradient_clip_val -1", "gradient_clip_val must be at least 0, got -1"),
    "less than no limit": ("--trainer.max_epochs -5", "--trainer.max_epochs must be at least 1 or -1, got -5"),
    "a size that is no number": ("--data.opponents.size .nan",
                                 "--data.opponents.size: expected a whole number, got nan"),
    "games that are no number": ("--trainer.callbacks.init_args.games .nan", "games: expected a whole number, got nan"),
    "a wrong plugin": ("--trainer.plugins Hello",
                       "--trainer.plugins: expected a list, the path of a class such as my_module.MyClass or null"),
    "a wrong start": ("--data.starts x",
                      "--data.starts: expected a list, the path of a class such as my_module.MyClass or null, got x"),
    "a number for a start": ("--data.starts [1,2]", "--data.starts: expected a text or null, got 1"),
    "a wrong argument inside an argument": (
        "--data.starts chesspg.UnevenArmies --data.starts.others x",
        "--data.starts.others: expected the path of a class such as my_module.MyClass or null, got x"),
    "a wrong argument of the class in an argument": (
        "--data.starts chesspg.UnevenArmies --data.starts.others chesspg.RandomPlies --data.starts.others.most q",
        "--data.starts.others.most: expected a whole number, got q"),
    "an unknown argument of the class in an argument": (
        """--data.starts '{"class_path": "chesspg.UnevenArmies", "init_args": {"others": {"class_path": """
        """"chesspg.RandomPlies", "init_args": {"moost": 3}}}}'""",
        "--data.starts.others: unknown argument moost; did you mean most?"),
    "a rank that is no number": ("--config chess_quick --model.network.rank x",
                                 "--model.network.rank: expected a whole number or null, got x"),
    "neither true nor false": ("--model.advantages.normalize 3",
                               "--model.advantages.normalize: expected true or false, got 3"),
    "no file of settings": ("--model.loss nowhere",
                            "--model.loss: expected settings or the path of a YAML file, got nowhere"),
    "no player": ("--data.opponents.players x", "--data.opponents.players: expected a mapping or null, got x"),
    "another way to write checkpoints": ("--trainer.plugins AsyncCheckpointIO", "AtomicCheckpointIO"),
    "others among them": ("--trainer.plugins [AsyncCheckpointIO]", "AtomicCheckpointIO"),
    "a command for an optimizer": (f"--model.optimizer {TOUCH}",
                                   "--model.optimizer must be a subclass of Optimizer, got os.system"),
    "a command by name": ("--model.optimizer os.system", "os.system"),
    "a process for an optimizer": (
        """--model.optimizer '{"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "x"]}}'""", "Popen"),
    "code for an optimizer": ("--model.optimizer.class_path builtins.eval",
                              "--model.optimizer must be a subclass of Optimizer, got builtins.eval"),
    "a command for a schedule": (
        f"--model.lr_scheduler {TOUCH}",
        "--model.lr_scheduler must be a subclass of LRScheduler, got os.system"),
    "a command for a network": (f"--model.network {TOUCH}",
                                "--model.network must be a subclass of Network, got os.system"),
    "a function for an optimizer": ("--model.optimizer own_parts.descent",
                                    "--model.optimizer must be a subclass of Optimizer"),
    "a function with a path for an optimizer": ("--model.optimizer.class_path own_parts.descent", "--model.optimizer"),
    "a command for a callback": (
        f"--trainer.callbacks {TOUCH}", "os.system"),
    "a command for a logger": (
        f"--trainer.logger {TOUCH}", "os.system"),
    "more games than there are numbers": ("--data.games 99999999999999999999",
                                          "--data.games must be between 1 and 1,048,576, got 99999999999999999999"),
    "a policy for a recipe": ("--config policy.safetensors",
                              "policy.safetensors can't be read as YAML: it is not a text file"),
    "a folder for a recipe": ("--config there", "no recipe 'there': it is a folder; expected a path to a YAML"),
    "an empty recipe": ("--config empty.yaml",
                        "empty.yaml holds no settings; expected a YAML mapping with model, data"),
    "a list for a recipe": ("--config list.yaml", "list.yaml must hold a mapping of settings, got list"),
    "an unknown part of a recipe": ("--config unknown.yaml",
                                    "unknown.yaml: unknown setting modle; did you mean model?"),
    "an unknown field of a recipe": ("--config unknown_field.yaml",
                                     "unknown setting model.optimiser; did you mean model.optimizer?"),
    "a recipe without a game": ("--config nothing.yaml", "the recipe must set model.network and data.game"),
    "tabs in a recipe": ("--config tab.yaml", "tab.yaml can't be read as YAML"),
    "a rate that is no number": ("--model.optimizer.init_args.lr nan",
                                 "--model.optimizer.lr: expected a number, got nan"),
    "a rate of nan": ("--model.optimizer.init_args.lr .nan",
                      "--model.optimizer.init_args.lr must be between 0 and 1,000, got nan"),
    "an infinite rate": ("--model.optimizer.init_args.lr 1e400", "lr must be between 0 and 1,000, got inf"),
    "moments of nan": ("--model.optimizer.init_args.betas [.nan,0.9]", "betas must be a finite number, got nan"),
    "a schedule of nan": ("--model.lr_scheduler.init_args.gamma .nan", "gamma must be between 0 and 1,000, got nan"),
    "steps of nothing": ("--model.lr_scheduler.init_args.step_size 0",
                         "step_size must be between 1 and 1,048,576, got 0"),
    "a missing argument": ("--config bare.yaml --model.lr_scheduler torch.optim.lr_scheduler.StepLR",
                           "--model.lr_scheduler must set step_size"),
    "a folder that can't be made": ("--run /proc/foo", "--run: the folder /proc/foo can't be made: No such file"),
    "a device for a folder": ("--run /dev/null", "--run must name a new folder, got /dev/null"),
    "a typo": ("--data.gmaes 12", "unknown option --data.gmaes; did you mean --data.games?"),
    "a typo of a part": ("--modle.clip 1", "unknown option --modle.clip; did you mean --model.loss.clip?"),
    "a typo in a class": ("--model.network.hiddne [3]", "unknown argument hiddne; did you mean hidden?"),
    "a typo in a callback": ("--trainer.callbacks.gmaes 3",
                             "--trainer.callbacks: unknown argument gmaes; did you mean games?"),
    "no option": ("foo", "unexpected argument 'foo'; options begin with --"),
    "a seed of its own": ("--data.seed 3", "--data.seed can't be set; it takes the value of --seed_everything"),
    "a start of its own": ("--model.init there", "--model.init can't be set; it takes the value of --init"),
    "a negative seed": ("--seed_everything -1", "--seed_everything must be between 0 and 4,294,967,295, got -1"),
    "a module that is not there": ("--data.game nowhere_at_all.Game",
                                   "No module named 'nowhere_at_all'; modules are searched in the current folder and"),
    "a game without a module": ("--data.game nim", "--data.game: expected the path of a class such as"),
    "no opponents": ("--trainer.callbacks.init_args.opponents []",
                     "opponents must name at least one player, such as random, got none"),
    "a network of no kind": ("--model.network chesspg.policy.networks.Network", "must be a subclass of Network, got"),
    "a library that is not there": ("--trainer.strategy deepspeed", "deepspeed"),
    "a temperature too low": ("--model.temperature 1e-300",
                              "--model.temperature must be between 0.01 and 100, got 1e-300"),
    "a huge bonus": ("--model.loss.entropy_weight 1e300",
                     "--model.loss.entropy_weight must be between 0 and 1,000, got 1e+300"),
    "a negative value weight": ("--model.loss.value_weight -1",
                                "--model.loss.value_weight must be between 0 and 1,000, got -1"),
    "clipping by nan": ("--model.loss.clip .nan", "--model.loss.clip must be above 0 and at most 1,000, got nan"),
    "material of nan": ("--data.material_weight .nan", "--data.material_weight must be between -1 and 1, got nan"),
    "a share of nan": ("--data.opponents.share .nan",
                       "--data.opponents.init_args.share must be between 0 and 1, got nan"),
    "a share below nothing": ("--data.opponents.players '{random: -1}'", "players must be between 0 and 1, got -1.0"),
    "armies of nan": ("--config chess_quick --data.starts.share .nan",
                      "--data.starts.init_args.share must be between 0 and 1, got nan"),
    "matches at no temperature": ("--trainer.callbacks.init_args.temperature .nan",
                                  "temperature must be between 0.01 and 100 or 0, got nan"),
    "matches with a negative seed": ("--trainer.callbacks.init_args.seed -1",
                                     "seed must be between 0 and 4,294,967,295"),
    "too many devices": ("--trainer.devices 99999999999999999999",
                         "--trainer.devices must be between 1 and 1,024 or -1"),
    "no validation": ("--trainer.val_check_interval 0", "--trainer.val_check_interval must be above 0 and at most"),
    "never evaluated": ("--trainer.check_val_every_n_epoch 0", "must be between 1 and 1,048,576, got 0"),
    "empty time": ("--trainer.max_time ''", "--trainer.max_time must be DD:HH:MM:SS, above 00:00:00:00, got ''"),
    "time of nan": ("--trainer.max_time '{minutes: .nan}'", "--trainer.max_time must be DD:HH:MM:SS"),
    "another callback of nan": (
        "--trainer.callbacks '[{class_path: pytorch_lightning.callbacks.EarlyStopping, "
        "init_args: {monitor: score/random, min_delta: .nan}}]'", "min_delta must be a finite number, got nan"),
    "half precision": ("--trainer.precision 16", "--trainer.precision must be 32-true or bf16-mixed, got 16"),
    "an old name of a precision": ("--trainer.precision bf16", "must be 32-true or bf16-mixed, got bf16"),
    "no such precision": ("--trainer.precision fast", "fast"),
    "an accelerator that is not for this": ("--trainer.accelerator tpu",
                                            "--trainer.accelerator must be cpu, gpu or auto, got tpu"),
    "no such accelerator": ("--trainer.accelerator cup", "--trainer.accelerator must be cpu, gpu or auto, got cup"),
    "two matches that differ in games alone": (
        "--trainer.callbacks '[{class_path: chesspg.EvaluationMatch, init_args: {opponents: [random], games: 2}}, "
        "{class_path: chesspg.EvaluationMatch, init_args: {opponents: [random], games: 4}}]'",
        "two EvaluationMatch callbacks would both log score/random; give them different opponents"),
    "a look at scores that are not new": (
        "--trainer.callbacks '[{class_path: chesspg.EvaluationMatch, init_args: {games: 2, every_n_rollouts: 2}}, "
        "{class_path: pytorch_lightning.callbacks.EarlyStopping, init_args: {monitor: score/random}}]'",
        "EarlyStopping monitors 'score/random' but would look more often"),
    "no such baseline": ("--model.advantages.baseline leave-one-out", "--model.advantages.baseline"),
    "more than policy files hold": ("--trainer.precision 64-true", "must be 32-true or bf16-mixed, got 64-true"),
}  # fmt: skip


RECIPES = {
    "empty.yaml": "# nothing",
    "list.yaml": "- 1",
    "unknown.yaml": "modle: {}",
    "unknown_field.yaml": "model: {optimiser: torch.optim.Adam}",
    "nothing.yaml": "model: {}",
    "tab.yaml": "model:\n\tbaseline: value",
    "bare.yaml": "model: {network: chesspg.policy.networks.MLP}\ndata: {game: chesspg.games.tic_tac_toe.TicTacToe}",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, said = BAD[case]
    (folder / "there").mkdir()
    (folder / "there/mine.txt").write_text("mine")
    for name, text in RECIPES.items():
        if name in line:
            (folder / name).write_text(text)
    if "policy.safetensors" in line:
        (folder / "policy.safetensors").write_bytes(bytes(range(256)))
    names = sorted(path.name for path in folder.iterdir())
    if "--resume" not in line:
        line = ("" if "--config" in line else "--config small.yaml ") + ("" if "--run" in line else "--run run ") + line
    before = contents(folder)
    assert train(line) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert len(error) <= len("error: ") + 300 + len("\n")
    assert said in error
    assert contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.slow
def test_bad_input_to_the_real_command(folder: Path, start: Start) -> None:
    out, error, code = end_of(start("--config", "tic_tac_toe", "--model.temperature", "0"))
    assert (out, code) == ("", 2)
    assert error == "error: --model.temperature must be between 0.01 and 100, got 0.0\n"
    assert list(folder.iterdir()) == [folder / "small.yaml"]


def test_a_recipe_for_a_gpu_says_what_it_would_take_without_one(refused: Callable[..., None], folder: Path) -> None:
    words = (
        "--data.segment 32 needs an NVIDIA GPU, but this run is on the CPU, where 330 rollouts of this run would ",
        "take at least ",
        "; --data.segment null plays whole games there, or run --config chess_laptop",
    )
    small = ["--model.network.init_args.channels=16", "--model.network.init_args.blocks=1"]
    refused(main, ["--config", "chess_gpu", "--trainer.accelerator", "cpu", *small], words)
    assert "checkpoints" not in {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 seconds"), (119, "119 seconds"), (120, "2 minutes"), (10_000, "3 hours"), (9e5, "10 days")],
)
def test_about(seconds: float, text: str) -> None:
    assert _about(seconds) == text
