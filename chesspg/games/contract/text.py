"""Rules about positions, moves and boards as text."""

from __future__ import annotations

from functools import partial

import numpy as np

from chesspg.games.contract.sample import Sample, refuses, require, require_same, state_of
from chesspg.games.game import Game, join_position, split_position

NONSENSE = "no such text"


def positions(sample: Sample) -> None:
    """start() reads the text of position() as the same game: its start, then ` moves ` and the moves, if any."""
    for games in sample.batches():
        state = state_of(games)
        texts = state["position"]
        for i, text in enumerate(texts):
            require(
                isinstance(text, str) and text == text.strip() and text.isprintable(),
                f"position({i}) must be one line of text",
                repr(text),
            )
            moves = state["moves"][i]
            require(
                all(isinstance(move, str) and move and not any(map(str.isspace, move)) for move in moves),
                f"moves({i}) must be texts without white space",
                moves,
            )
            require(
                split_position(text)[1] == moves,
                f"position({i}) must end with ' moves ' and the moves {moves[-5:]}; join_position makes it",
                repr(text),
            )
        require_same(state, state_of(sample.game.start(texts)), "start(positions) must give the same games again")


def unreadable(sample: Sample) -> None:
    """A text that is not a position raises ValueError, which names the text; so does an illegal move in it."""
    last = sample.running[min(2, len(sample.running) - 1)].position(0)
    start, moves = split_position(last)
    texts = [*sample.unreadable, NONSENSE, join_position(start, [*moves, "?!"])]
    if sample.over:
        ended = sample.over[0].position(0)
        start, moves = split_position(ended)
        if moves:
            texts.append(join_position(start, [*moves, moves[-1]]))  # a move after the end
    for text in texts:
        message = refuses(
            ValueError, f"{text!r} is not a position, so start", sample.game.start, [sample.initial, text]
        )
        require(text in message, f"start must name the position {text!r} that it can't read", message)


def names(sample: Sample) -> None:
    """parse_move() reads what move_name() and moves() write, as the same action."""
    game = sample.game
    rng = np.random.default_rng(5)
    for begun in sample.running[:: max(1, len(sample.running) // 6)]:
        for i in sorted({0, len(begun) - 1}):
            position = begun.position(i)
            actions = begun[[i]].observe().legal.actions
            names = [game.move_name(position, int(action)) for action in actions]
            require(
                all(isinstance(name, str) and name and not any(map(str.isspace, name)) for name in names),
                f"{position!r}: move_name must be a text without white space",
                names,
            )
            require(len(set(names)) == len(names), f"{position!r}: each action must have a different name", names)
            some = np.sort(rng.permutation(len(actions))[:12])
            children = begun[np.full(len(some), i)]
            children.play(actions[some])
            for child, k in enumerate(some.tolist()):
                action = int(actions[k])
                for text in dict.fromkeys((names[k], children.moves(child)[-1])):
                    read = game.parse_move(position, text)
                    require(read == action, f"{position!r}: parse_move({text!r}) must be the action {action}", read)
            for text in (NONSENSE, "?!", ""):
                refuses(ValueError, f"{position!r}: parse_move({text!r})", partial(game.parse_move, position), text)
    known = {
        text: games.position(i) for games in sample.running[:3] for i in range(len(games)) for text in games.moves(i)
    }
    for text, position in list(known.items())[:50]:
        _names_legal(game, position, text)


def _names_legal(game: Game, position: str, text: str) -> None:
    """Require that parse_move returns a legal action or refuses the text."""
    try:
        action = game.parse_move(position, text)
    except ValueError:
        return
    legal = game.start([position]).observe().legal.actions.tolist()
    require(action in legal, f"{position!r}: parse_move({text!r}) must refuse what is not legal", action)


def rendered(sample: Sample) -> None:
    """render() draws the board as text, and shows what a move changes."""
    game = sample.game
    for games in list(sample.batches())[:6]:
        position = games.position(0)
        text = game.render(position)
        require(
            isinstance(text, str) and text.strip() and all(line.isprintable() for line in text.splitlines()),
            f"render({position!r}) must be printable lines",
            repr(text),
        )
    new = game.start(1)
    actions = new.observe().legal.actions
    children = new[np.zeros(len(actions), dtype=np.int64)]
    children.play(actions)
    drawn = {game.render(children.position(i)) for i in range(min(len(actions), 50))}
    require(
        drawn != {game.render(sample.initial)},
        "render() must show what a move changes; its text is the same after all legal first moves",
    )
