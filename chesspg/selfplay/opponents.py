"""The opponent pool: players and earlier policies, which play against the learner in a share of the games."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import Seats
from chesspg.selfplay.rollout import Rollout

POOL = "pool"  # the folder of the members' policy files, beside the checkpoints that name them
BLOCK = 4  # games with one start that share an opponent, two per seat: leave_one_out needs two that are alike
KEPT = 0.9  # the factor by which older games count less each time games are added, since the learner changes


@dataclass
class RecentGames:
    """The learner's recent games and points against one opponent; older games count less."""

    games: float = 0.0
    points: float = 0.0

    def add(self, games: float, points: float) -> None:
        if games:
            self.games, self.points = KEPT * self.games + games, KEPT * self.points + points


@dataclass
class Member:
    """A frozen copy of the policy as it was before a rollout."""

    rollout: int
    policy: Policy
    facts: dict[str, Any]  # about its training, for its policy file
    recent: RecentGames = field(default_factory=RecentGames)
    file: str = ""  # its name in the pool's folder, once it is written


class OpponentPool:
    """The opponents of the learner in a share of each rollout's games; all other games are self-play.

    Opponents are sampled again for each rollout. Only one earlier policy plays per rollout, since each is one more
    network to call per ply. An opponent stays to the end of its games, and the learner has either seat equally often.
    Only the learner's plies are stored and learned from. With `SelfPlay(segment=…)`, each opponent has its share of the
    slots, whose seats never change, and another earlier policy may take over in the middle of a game.

    Args:
        players: Player strings, each with the share of the games against it, such as `{random: 0.3}`.
        share: Share of the games that are against an earlier policy.
        every: Number of rollouts from one copy of the policy to the next; the first is made before the first rollout.
        size: Number of earlier policies kept, spread over the training: if there are more, the one whose neighbors in
            time are nearest to each other is dropped.
        priority: p of the weight (1 − score)^p with which an earlier policy is sampled, where score is the learner's
            against it (prioritized fictitious self-play, Vinyals et al., 2019). With 0 all are equally likely, with 2
            mostly those that still win are sampled.

    Raises:
        ValueError: An argument is out of its range, or the shares add up to more than 1.
    """

    def __init__(
        self,
        players: dict[str, float] | None = None,
        share: float = 0.3,
        every: int = 10,
        size: int = 8,
        priority: float = 0.0,
    ) -> None:
        self.players = dict(players or {})
        shares = {**self.players, "earlier policies": share}
        for name, number in shares.items():
            if not 0 <= number <= 1:
                raise ValueError(f"the share of games against {name} must be between 0 and 1, got {number}")
        if sum(shares.values()) > 1 + 1e-9:
            summands = " + ".join(f"{number:g} ({name})" for name, number in shares.items())
            raise ValueError(f"the shares of the opponent pool must add up to at most 1, got {summands}")
        for name, whole in {"every": every, "size": size}.items():
            if whole < 1:
                raise ValueError(f"{name} of the opponent pool must be at least 1, got {whole}")
        if not 0 <= priority < float("inf"):
            raise ValueError(f"priority of the opponent pool must be at least 0 and finite, got {priority}")
        self.share = share
        self.every = every
        self.size = size
        self.priority = priority
        self.members: list[Member] = []  # the oldest first
        self.reward: float | None = None  # the learner's mean reward in the newest rollout's games against others
        self._recent = {text: RecentGames() for text in self.players}
        self._opened: list[Player] = []
        self._open = ExitStack()
        # [games] the number of the pair of seats of each game of the newest rollout, as `seats` returns it.
        self._pair: NDArray[np.int64] = np.zeros(0, np.int64)

    def snapshot(self, policy: Policy, rollout: int, facts: Mapping[str, Any] | None = None) -> None:
        """Keep a copy of the policy if one is due, and drop one if there are too many.

        Args:
            policy: The policy.
            rollout: The number of rollouts so far.
            facts: Facts about its training, for its policy file.
        """
        newest = self.members[-1].rollout if self.members else -1
        if not self.share or rollout % self.every or rollout == newest:
            return
        # The copy's weights require gradients although it is played without: autocast casts such weights once per
        # rollout, and all others at every call.
        self.members.append(Member(rollout, copy.deepcopy(policy).eval().requires_grad_(True), dict(facts or {})))
        if len(self.members) > self.size:
            times = [member.rollout for member in self.members]
            gap = [b - a for a, b in zip(times, times[2:], strict=False)]  # around each but the oldest and the newest
            self.members.pop(1 + gap.index(min(gap)) if self.size > 1 else 0)

    @staticmethod
    def blocks(games: int, starts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which games of a rollout have the same opponent.

        Args:
            games: The number of games, on all ranks.
            starts: The number of positions from which the games start in turn; each is played from both seats.

        Returns:
            [games] the number of each game's block, in which all games have one opponent, and [games] the learner's
            seat.
        """
        turn, start = np.divmod(np.arange(games), starts)
        return turn // BLOCK * starts + start, (turn + start) % 2

    def seats(
        self, learner: PolicyPlayer, games: int, starts: int, rng: Randomness, placing: Randomness | None = None
    ) -> tuple[list[Seats], NDArray[np.int64]]:
        """Choose the opponents of a rollout.

        Args:
            learner: The learner.
            games: The number of games, on all ranks.
            starts: The number of positions from which the games start in turn.
            rng: Random numbers of the rollout.
            placing: Random numbers that choose which games each opponent gets; by default those of the rollout.

        Returns:
            [games] the players of each game, and [games] the number of that pair of players: 0 for self-play, 1 + 2k +
            seat for the k-th opponent and the learner's seat.
        """
        policies = [
            PolicyPlayer(member.policy.to(learner.policy.device), forward_context=learner.forward_context)
            for member in self.members
        ]
        opponents = [*self._named_players(learner), *policies]
        pairs: list[Seats] = [(learner, learner)]
        for opponent in opponents:
            pairs += [(learner, opponent), (opponent, learner)]
        block, seat = self.blocks(games, starts)
        # Systematic sampling: the blocks, in random order, are spread evenly over [0, 1), and each opponent gets those
        # in an interval as long as its share.
        generator, count = rng.generator(), int(block.max()) + 1
        placer = placing.generator() if placing else generator
        place = (placer.permutation(count) + placer.random()) / count
        sampled = np.searchsorted(np.cumsum(self._shares(generator)), place, side="right")[block]
        self._pair = np.where(sampled < len(opponents), 1 + 2 * sampled + seat, 0)
        return [pairs[number] for number in self._pair.tolist()], self._pair

    def probabilities(self) -> NDArray[np.float64]:
        """[members] the probability with which each earlier policy is sampled for a rollout."""
        # One game won and one lost are added to each, so that every member has a score and a chance.
        scores = [(member.recent.points + 1) / (member.recent.games + 2) for member in self.members]
        weights = (1 - np.array(scores)) ** self.priority
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def record(self, rollout: Rollout, index: NDArray[np.integer[Any]], total: Callable[[Tensor], Tensor]) -> None:
        """Add the results of the newest rollout to the learner's recent games.

        Args:
            rollout: This rank's games; those that go on in the next rollout are not counted.
            index: [n] their global indices.
            total: Sums a tensor over all ranks.
        """
        pair, opponents = self._pair[index], len(self.players) + len(self.members)
        against = (pair > 0) & rollout.ended
        opponent, seat = np.divmod(pair[against] - 1, 2)
        points = (1 + (1 - 2 * seat) * rollout.outcome[against]) / 2
        rewards = (1 - 2 * seat) * rollout.reward[against]
        # [3, opponents] games, points and rewards
        sums = np.stack([np.bincount(opponent, each, opponents) for each in (np.ones(len(opponent)), points, rewards)])
        totals = total(torch.tensor(sums, dtype=torch.float32))
        self.reward = float(totals[2].sum() / totals[0].sum()) if totals[0].any() else None
        for one, more_games, more_points in zip(self._all_recent(), *totals[:2].tolist(), strict=True):
            one.add(more_games, more_points)

    def scores(self) -> dict[str, float]:
        """The learner's recent score against each opponent, in [0, 1]; `earlier_1` is the newest earlier policy."""
        names = [*self.players, *(f"earlier_{age}" for age in range(len(self.members), 0, -1))]
        everyone = zip(names, self._all_recent(), strict=True)
        return {name: recent.points / recent.games for name, recent in everyone if recent.games}

    def state_dict(self) -> dict[str, Any]:
        """The state as primitives for a checkpoint; it names the members' files.

        A file's name holds a hash of the weights, so that runs that share a folder can't mistake each other's.
        """
        for member in self.members:
            member.file = member.file or f"{member.rollout:06}-{_digest(member.policy)}{files.SUFFIX}"
        members = [
            {"file": m.file, "rollout": m.rollout, "games": m.recent.games, "points": m.recent.points}
            for m in self.members
        ]
        return {"members": members, "players": {k: [r.games, r.points] for k, r in self._recent.items()}}

    def write(self, folder: Path) -> set[str]:
        """Write the policy files of members that are not in a folder yet.

        Args:
            folder: The pool's folder.

        Returns:
            The names of the files of all members.
        """
        self.state_dict()  # names them
        for member in self.members:
            if not (folder / member.file).is_file():
                folder.mkdir(parents=True, exist_ok=True)
                files.save(folder / member.file, member.policy, member.facts)
        return {member.file for member in self.members}

    def load_state_dict(self, state: Mapping[str, Any], folder: Path, game: Game) -> None:
        """Restore the pool.

        Args:
            state: As `state_dict` returned it.
            folder: The pool's folder, with the members' files.
            game: The game that they play.

        Raises:
            ValueError: A member's file is missing or damaged; the pool is not changed.
        """
        members = []
        for saved in state["members"]:
            path = folder / saved["file"]
            try:
                policy = files.load(path, game)
                if _digest(policy) not in saved["file"]:
                    raise ValueError(f"{path} has other weights than its name says")
                facts = files.read_header(path).facts
            except ValueError as error:
                raise ValueError(
                    f"a member of the opponent pool is lost: {error}; to continue without the pool, set SelfPlay's "
                    "opponents to None (--data.opponents null)"
                ) from None
            recent = RecentGames(saved["games"], saved["points"])
            members.append(Member(saved["rollout"], policy, facts, recent, saved["file"]))
        self.members = members
        for text, (games, points) in state["players"].items():
            if text in self._recent:
                self._recent[text] = RecentGames(games, points)

    def close(self) -> None:
        """End the processes of players, such as engines."""
        self._open.close()
        self._opened = []

    def _named_players(self, learner: PolicyPlayer) -> list[Player]:
        if not self._opened:
            players = roster.players(self.players, learner.policy.game, device=str(learner.device))
            self._opened = self._open.enter_context(players)
        return self._opened

    def _all_recent(self) -> list[RecentGames]:
        return [*self._recent.values(), *(member.recent for member in self.members)]

    def _shares(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """[opponents] the share of a rollout's games against each."""
        of_members = np.zeros(len(self.members))
        if self.members:
            of_members[generator.choice(len(self.members), p=self.probabilities())] = self.share
        return np.concatenate([list(self.players.values()), of_members])


def _digest(policy: Policy) -> str:
    """Eight hexadecimal digits that tell the policies of a training apart."""
    weights = (tensor.detach().cpu().numpy().tobytes() for tensor in policy.network.state_dict().values())
    return hashlib.sha256(b"".join(weights)).hexdigest()[:8]
