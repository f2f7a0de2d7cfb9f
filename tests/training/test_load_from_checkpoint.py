"""A checkpoint gives the module back; hyperparameters reach every logger; forward, export and compiled networks."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.cli import LightningCLI
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.loggers.logger import DummyLogger
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages, Sample
from chesspg.learning.losses import Loss
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import to_tensors
from chesspg.training.batches import Batch
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

pytestmark = pytest.mark.slow

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]
GAME = TicTacToe()


def flat(module: pl.LightningModule) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def saved(module: PolicyGradient, make: MakeTrainer, folder: Path, **arguments: Any) -> Path:
    """The module, trained for two rollouts, as a checkpoint of a plain Trainer."""
    fit = make(max_epochs=2, **arguments)
    fit.fit(module, SelfPlay(module.policy.game, games=8, max_plies=10))
    fit.save_checkpoint(folder / "two.ckpt")
    return folder / "two.ckpt"


ADVANTAGES = {"baseline": "value", "gae_lambda": 0.8, "normalize": True, "value_lambda": 0.7, "discount": 0.9}
LOSS = {"clip": 0.15, "average": "plies", "entropy_weight": 0.3, "value_weight": 0.25, "kl_weight": 0.0}


def test_everything_comes_back(trainer: MakeTrainer, tmp_path: Path) -> None:
    game = Chess(backend="python-chess", variant="kingofthehill")
    learned = PolicyGradient(
        game,
        partial(ResidualNet, channels=4, blocks=1, value=True),
        optimizer=partial(torch.optim.SGD, lr=0.25, momentum=0.5),
        lr_scheduler=partial(torch.optim.lr_scheduler.StepLR, step_size=3, gamma=0.5),
        temperature=0.7,
        advantages=Advantages(**ADVANTAGES),
        loss=Loss(**LOSS),
    )
    again = PolicyGradient.load_from_checkpoint(saved(learned, trainer, tmp_path))
    assert torch.equal(flat(again), flat(learned))
    assert files.describe(again.policy.game) == files.describe(game)
    assert files.describe(again.policy.network) == files.describe(learned.policy.network)
    assert again.hparams == learned.hparams
    assert again.policy.temperature == 0.7
    assert (again.hparams["temperature"], again.hparams["advantages"], again.hparams["loss"]) == (0.7, ADVANTAGES, LOSS)
    assert (again.advantages, again.loss) == (Advantages(**ADVANTAGES), Loss(**LOSS))
    (optimizer,), (schedule,) = (
        [again.configure_optimizers()["optimizer"]],
        [again.configure_optimizers()["lr_scheduler"]],
    )
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]) == (0.25, 0.5)
    assert isinstance(schedule, torch.optim.lr_scheduler.StepLR)
    assert again.played == learned.played
    assert again.played["rollouts"] == 2


def test_what_is_given_goes_first(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    path = saved(module(entropy_weight=0.3, baseline="leave_one_out"), trainer, tmp_path)
    network = partial(MLP, hidden=(16,))
    again = PolicyGradient.load_from_checkpoint(path, loss=Loss(entropy_weight=0.1), game=GAME, network=network)
    assert (again.loss.entropy_weight, again.advantages.baseline) == (0.1, "leave_one_out")


@pytest.mark.slow
def test_it_trains_on_as_it_would_have(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    def options() -> dict[str, Any]:
        return {"optimizer": partial(torch.optim.Adam, lr=0.01), "baseline": "running_mean", "entropy_weight": 0.1}

    straight = module(**options())
    trainer(max_epochs=4).fit(straight, SelfPlay(GAME, games=8, seed=1))
    first = module(**options())
    fit = trainer(max_epochs=2)
    fit.fit(first, SelfPlay(GAME, games=8, seed=1))
    fit.save_checkpoint(tmp_path / "two.ckpt")
    again = PolicyGradient.load_from_checkpoint(tmp_path / "two.ckpt")
    games = SelfPlay(GAME, games=8, seed=1)
    trainer(max_epochs=4).fit(again, games, ckpt_path=tmp_path / "two.ckpt", weights_only=True)
    assert torch.equal(flat(again), flat(straight))


def test_a_second_trainer_goes_on_counting(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    games = partial(SelfPlay, GAME, games=8, updates=2, seed=1)
    first = module(loss=Loss(clip=0.2))
    fit = trainer(max_epochs=2)
    fit.fit(first, games())
    fit.save_checkpoint(tmp_path / "four.ckpt")
    again = PolicyGradient.load_from_checkpoint(tmp_path / "four.ckpt")
    assert (again.updates, again.played["rollouts"]) == (4, 2)
    for one in (first, again):  # the module itself, and from its checkpoint
        second = trainer(max_epochs=1)
        second.fit(one, games())
        assert (one.updates, one.played["rollouts"]) == (6, 3)
        assert one.facts()["updates"] == 6
    second.save_checkpoint(tmp_path / "six.ckpt")
    assert PolicyGradient.load_from_checkpoint(tmp_path / "six.ckpt").updates == 6
    resumed = module(loss=Loss(clip=0.2))
    trainer(max_epochs=2).fit(resumed, games(), ckpt_path=tmp_path / "six.ckpt", weights_only=True)
    assert (resumed.updates, resumed.played["rollouts"]) == (8, 4)


def test_an_optimizer_that_a_file_can_not_name_must_be_given(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    path = saved(module(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5)), trainer, tmp_path)
    with pytest.raises(ValueError, match=r"load_from_checkpoint\(path, optimizer=…\)"):
        PolicyGradient.load_from_checkpoint(path)
    again = PolicyGradient.load_from_checkpoint(path, optimizer=partial(torch.optim.SGD, lr=0.5))
    assert again.hparams["optimizer"]["class_path"].endswith("SGD")


def named_as_torchs(parameters: Any) -> torch.optim.Optimizer:
    """The user's own function with the name of an optimizer of torch."""
    return torch.optim.SGD(parameters, lr=0.5)


named_as_torchs.__qualname__ = "Adam"


def test_an_optimizer_of_ones_own_is_not_taken_for_torchs(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    path = saved(module(optimizer=named_as_torchs), trainer, tmp_path)
    with pytest.raises(ValueError, match=r"load_from_checkpoint\(path, optimizer=…\)"):
        PolicyGradient.load_from_checkpoint(path)


@pytest.mark.parametrize(
    "class_path", ["my_own.SGD", "os.system", "subprocess.Popen", "torch.optim.lr_scheduler", "torch.load", "unknown"]
)
def test_a_file_names_no_other_callable(
    class_path: str, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    path = saved(module(), trainer, tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"]["optimizer"] = {"class_path": class_path, "init_args": {"command": "touch PWNED"}}
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match="a checkpoint can name but not contain"):
        PolicyGradient.load_from_checkpoint(path)


def test_a_file_names_no_way_to_build_the_module(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    """Lightning lets a file name jsonargparse's, which imports what the other hyperparameters name."""
    path = saved(module(), trainer, tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"] |= {"_instantiator": "pytorch_lightning.cli.instantiate_module"}
    checkpoint["hparams"] = {"advantages": "antigravity.x"}
    torch.save(checkpoint, path)
    assert PolicyGradient.load_from_checkpoint(path).advantages == Advantages()
    assert "antigravity" not in sys.modules
    checkpoint["hyper_parameters"]["game"] = "antigravity.x"
    torch.save(checkpoint, path)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        PolicyGradient.load_from_checkpoint(path)
    assert "antigravity" not in sys.modules


def test_init_is_no_longer_needed(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    files.save(tmp_path / "start.safetensors", module().policy)
    path = saved(module(init=tmp_path / "start.safetensors"), trainer, tmp_path)
    (tmp_path / "start.safetensors").unlink()
    assert PolicyGradient.load_from_checkpoint(path).hparams["init"] is None


def own_baseline(sample: Sample) -> Tensor:
    """The user's own function."""
    return torch.zeros_like(sample.return_)


class Tripled:
    """The user's own object, which is called as a function."""

    def __call__(self, sample: Sample) -> Tensor:
        return 3 * sample.return_


@pytest.mark.parametrize(
    ("advantages", "named"),
    [
        (own_baseline, "own_baseline"),
        (Advantages(own_baseline), "own_baseline"),
        (lambda sample: sample.return_, "<lambda>"),
        (Tripled(), "unknown"),
        (Advantages(Tripled()), "unknown"),
    ],
)
def test_a_function_of_ones_own_must_be_given(
    advantages: Any, named: str, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    path = saved(module(advantages=advantages), trainer, tmp_path)
    with pytest.raises(
        ValueError, match=rf"{named}'.* a checkpoint can name but not contain; .*\(path, advantages=…\)"
    ):
        PolicyGradient.load_from_checkpoint(path)
    again = PolicyGradient.load_from_checkpoint(path, advantages=Advantages("running_mean"))
    assert again.advantages == Advantages("running_mean")


# --- Version 0.1 -----------------------------------------------------------------------------------------------------

# Trained by version 0.1 with an MLP of 16 units, the leave_one_out baseline and an entropy weight of 0.3.
OLD = Path(__file__).parent / "data" / "version_0_1.ckpt"


def test_a_checkpoint_of_version_0_1_comes_back() -> None:
    again = PolicyGradient.load_from_checkpoint(OLD)
    assert again.advantages == Advantages("leave_one_out")
    assert again.loss == Loss(entropy_weight=0.3)
    assert files.describe(again.policy.network)["init_args"]["hidden"] == [16]
    assert again.played["rollouts"] > 0
    policy = files.load(OLD)
    assert policy.game.name == GAME.name
    assert torch.equal(flat(again), torch.cat([p.flatten() for p in policy.parameters()]))
    assert flat(again).abs().max() > 0


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`, callbacks")
def test_a_checkpoint_of_version_0_1_is_trained_on(trainer: MakeTrainer) -> None:
    again, games = PolicyGradient.load_from_checkpoint(OLD), SelfPlay(GAME, games=8)
    before, rollouts = flat(again), int(again.played["rollouts"])
    trainer(max_epochs=rollouts + 1).fit(again, games, ckpt_path=OLD, weights_only=True)
    assert again.played["rollouts"] == games.rollouts == rollouts + 1
    assert not torch.equal(flat(again), before)


# --- Subclasses ------------------------------------------------------------------------------------------------------


class Fixed(PolicyGradient):
    """Takes only primitives in its constructor."""

    def __init__(self, width: int = 16, rate: float = 0.01) -> None:
        network, optimizer = partial(MLP, hidden=(width,)), partial(torch.optim.SGD, lr=rate)
        super().__init__(GAME, network, optimizer, loss=Loss(entropy_weight=0.2))
        self.save_hyperparameters()


class Passing(PolicyGradient):
    """Passes all arguments on, and saves them all, including objects."""

    def __init__(self, game: Any, network: Any, extra: float = 1.0, **arguments: Any) -> None:
        super().__init__(game, network, **arguments)
        self.save_hyperparameters()


@pytest.mark.parametrize(
    "make", [lambda: Fixed(width=8, rate=0.5), lambda: Passing(GAME, MLP, extra=2.0, loss=Loss(clip=0.3))]
)
def test_a_subclass_that_saves_its_hyperparameters(
    make: Callable[[], PolicyGradient], trainer: MakeTrainer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    learned = make()
    path = saved(learned, trainer, tmp_path)
    torch.load(path, weights_only=True)  # primitives and tensors only, whatever the constructor got
    policy = files.load(path)
    assert torch.equal(torch.cat([p.flatten() for p in policy.parameters()]), flat(learned))
    again = type(learned).load_from_checkpoint(path)
    assert torch.equal(flat(again), flat(learned))
    assert again.loss == learned.loss
    assert again.loss != Loss()
    for name in ("width", "rate", "extra"):
        assert again.hparams.get(name) == learned.hparams.get(name)


class Inside(PolicyGradient):
    """Builds its optimizer by a function that no file can describe."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(GAME, partial(MLP, hidden=(width,)), lambda parameters: torch.optim.SGD(parameters, lr=0.5))
        self.save_hyperparameters()


def test_what_a_subclass_builds_inside_need_not_be_given(trainer: MakeTrainer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = saved(Inside(), trainer, tmp_path)
    assert torch.equal(flat(Inside.load_from_checkpoint(path)), flat(files.load(path)))  # type: ignore[arg-type]


def test_what_comes_back_can_be_pickled(trainer: MakeTrainer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    again = Passing.load_from_checkpoint(saved(Passing(GAME, MLP), trainer, tmp_path))
    assert torch.equal(flat(pickle.loads(pickle.dumps(again))), flat(again))


def test_loggers_get_primitives_of_a_subclass_too(trainer: MakeTrainer, tmp_path: Path) -> None:
    spy = Hyperparameters()
    trainer(logger=spy, log_every_n_steps=1).fit(Passing(GAME, MLP, extra=3.0), SelfPlay(GAME, games=4))
    assert primitive(dict(spy.given))
    assert spy.given["extra"] == 3.0


def test_it_resumes_too(trainer: MakeTrainer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = saved(Passing(GAME, MLP), trainer, tmp_path)
    again = Passing(GAME, MLP)
    trainer(max_epochs=3).fit(again, SelfPlay(GAME, games=8), ckpt_path=path, weights_only=True)
    assert again.played["rollouts"] == 3


# --- Loggers ---------------------------------------------------------------------------------------------------------


class Hyperparameters(DummyLogger):
    """Keeps what a logger such as W&B's is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, Any] = {}

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        self.given.update(args[0])


def primitive(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and primitive(one) for name, one in value.items())
    if isinstance(value, list):
        return all(map(primitive, value))
    return value is None or isinstance(value, bool | int | float | str)


def test_hyperparameters_reach_loggers_as_primitives(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    learned = module(optimizer=partial(torch.optim.SGD, lr=0.25), entropy_weight=0.3)
    spy = Hyperparameters()
    logger = [spy, CSVLogger(tmp_path, "csv", ""), TensorBoardLogger(tmp_path, "board", "")]
    trainer(logger=logger, log_every_n_steps=1).fit(learned, SelfPlay(GAME, games=4))
    assert primitive(dict(spy.given))
    assert spy.given["loss"]["entropy_weight"] == 0.3
    assert spy.given["game"]["class_path"].endswith("TicTacToe")
    assert spy.given["network"]["init_args"] == {"hidden": [16], "value": False}
    assert spy.given["optimizer"]["init_args"] == {"lr": 0.25}
    for kind in ("csv", "board"):
        assert yaml.safe_load((tmp_path / kind / "hparams.yaml").read_text())["loss"]["entropy_weight"] == 0.3


@pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")
@pytest.mark.filterwarnings("ignore:No seed found")
def test_a_lightning_cli_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cli"])
    quiet = ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"]
    cli = LightningCLI(
        PolicyGradient,
        SelfPlay,
        run=False,
        save_config_callback=None,
        seed_everything_default=False,
        args=[
            "--model.game=TicTacToe", "--model.network=MLP", "--model.loss.entropy_weight=0.3", "--data.game=TicTacToe",
            "--data.games=4", "--model.optimizer=SGD", "--model.optimizer.lr=0.5", "--trainer.max_epochs=1",
            "--trainer.accelerator=cpu", *(f"--trainer.{name}=false" for name in quiet),
        ],
    )  # fmt: skip
    cli.trainer.fit(cli.model, cli.datamodule)
    cli.trainer.save_checkpoint(tmp_path / "one.ckpt")
    assert primitive(dict(cli.model.hparams))
    again = PolicyGradient.load_from_checkpoint(tmp_path / "one.ckpt")
    assert torch.equal(flat(again), flat(cli.model))
    assert (again.loss.entropy_weight, again.configure_optimizers().param_groups[0]["lr"]) == (0.3, 0.5)


# --- forward, summaries, export, compiled networks -------------------------------------------------------------------


@pytest.mark.parametrize("value", [False, True])
def test_forward_gives_log_probabilities_and_value(value: bool, trainer: MakeTrainer, module: MakeModule) -> None:
    learned = module(value=value)
    tensors = to_tensors(GAME.start(["3/3/3 x", "x2/1o1/3 x"]).observe())
    distribution = learned.policy(*tensors)
    output = learned(*tensors)
    log_probs = output[0] if value else output
    assert torch.equal(log_probs, distribution.log_probs)
    assert not value or torch.equal(output[1], distribution.value)
    assert learned(*learned.example_input_array)[0 if value else ...].shape == (1, 9)
    (predicted,) = trainer().predict(learned, torch.utils.data.DataLoader([tensors], batch_size=None))
    torch.testing.assert_close(predicted, output)


def test_a_batch_of_a_rollout_is_predicted(trainer: MakeTrainer, module: MakeModule) -> None:
    learned = module()
    plies = SelfPlay(GAME, games=4).sample(PolicyPlayer(learned.policy)).plies.to()
    zeros = torch.zeros(len(plies))
    batch = Batch(plies, advantage=zeros, return_=zeros, games=4, stored=len(plies), parts=1)
    (predicted,) = trainer().predict(learned, torch.utils.data.DataLoader([batch], batch_size=None))
    assert isinstance(plies.legal, Tensor)
    torch.testing.assert_close(predicted, learned(plies.planes, plies.scalars, plies.legal))


def test_the_summary_has_sizes(trainer: MakeTrainer, module: MakeModule, caplog: pytest.LogCaptureFixture) -> None:
    fit = trainer(callbacks=[ModelSummary(max_depth=-1)], enable_model_summary=True)
    with caplog.at_level("INFO", logger="pytorch_lightning"):
        fit.fit(module(), SelfPlay(GAME, games=4))
    assert "Out sizes" in caplog.text


@pytest.mark.slow
def test_torch_export_of_chess_for_any_number_of_positions_and_legal_actions() -> None:
    network = ResidualNet(Chess(backend="python-chess"), channels=4, blocks=1, value=True).eval()
    game = Chess(backend="python-chess")
    four = to_tensors(game.start(4).observe())
    batch, actions = torch.export.Dim("batch", max=1024), torch.export.Dim("actions", max=220)
    exported = torch.export.export(network, four, dynamic_shapes=[{0: batch}] * 2 + [{0: batch, 1: actions}]).module()
    planes, scalars, every = to_tensors(game.start(7).observe())
    for legal in (every, every[:, :1], torch.nn.functional.pad(every, (0, 30), value=-1)):
        given = planes, scalars, legal
        torch.testing.assert_close(exported(*given).logits, network(*given).logits)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["network", "policy"])
def test_what_was_compiled_is_saved_under_its_own_class(
    what: str, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    learned = module()
    if what == "network":
        learned.policy.network = torch.compile(learned.policy.network, backend="eager")  # type: ignore[assignment]
    else:
        learned.policy = torch.compile(learned.policy, backend="eager")  # type: ignore[assignment]
    path = saved(learned, trainer, tmp_path)
    assert files.read_header(path).network["class_path"].endswith("MLP")
    assert torch.equal(torch.cat([p.flatten() for p in files.load(path).parameters()]), flat(learned))
    assert torch.equal(flat(PolicyGradient.load_from_checkpoint(path)), flat(learned))


# --- Types and packages ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_readme_passes_mypy_strict(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    code = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    (tmp_path / "example.py").write_text("\n".join(code).replace("# doctest: +ELLIPSIS", "") + "\n")
    # The cache of the project's own check has most of the libraries, which else take twenty seconds.
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(root / ".mypy_cache"), "example.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert (root / "chesspg/py.typed").is_file()


def test_a_program_of_the_other_package_is_warned(module: MakeModule, monkeypatch: pytest.MonkeyPatch) -> None:
    module()  # no warning, which would be an error here
    monkeypatch.setitem(sys.modules, "lightning.pytorch", sys)
    with pytest.warns(UserWarning, match="made for `import pytorch_lightning as pl`"):
        module()
    with pytest.warns(UserWarning, match=r"lightning\.pytorch"):
        SelfPlay(GAME)


def test_batches_are_what_a_checkpoint_of_the_trainer_learns_from(module: MakeModule) -> None:
    with pytest.raises(TypeError, match="got a dict"):
        module().training_step({"games": 1}, 0)  # type: ignore[arg-type]


def test_an_older_checkpoint_has_no_settings(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    path = saved(module(entropy_weight=0.3), trainer, tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["hyper_parameters"]
    torch.save(checkpoint, path)
    with pytest.warns(UserWarning, match="holds no settings"):
        again = PolicyGradient.load_from_checkpoint(path, loss=Loss(entropy_weight=0.3))
    assert again.loss.entropy_weight == 0.3
