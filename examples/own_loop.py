"""Tic-tac-toe learned by a loop of your own: chesspg's vector environment, and torch for everything else.

    python own_loop.py

The formula is REINFORCE with the mean return as baseline. In about seven seconds the mean reward against random moves,
in which a win counts 1 and a loss −1, rises from 0 to 0.7.
"""

from __future__ import annotations

import torch
from torch import nn

from chesspg import TicTacToe
from chesspg.environments.gymnasium import BoardGameVectorEnv

UPDATES, STEPS, GAMES = 90, 16, 128

torch.manual_seed(1)
environment = BoardGameVectorEnv(TicTacToe(), GAMES, opponent="random")
network = nn.Sequential(nn.Flatten(), nn.Linear(18, 64), nn.ReLU(), nn.Linear(64, 9))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
boards, infos = environment.reset(seed=1)
for update in range(1, UPDATES + 1):
    steps = []
    for _ in range(STEPS):
        illegal = torch.as_tensor(infos["action_mask"]) == 0
        policy = torch.distributions.Categorical(logits=network(torch.as_tensor(boards)).masked_fill(illegal, -1e9))
        actions = policy.sample()
        boards, rewards, over, _, infos = environment.step(actions.numpy())
        steps.append((policy.log_prob(actions), torch.as_tensor(rewards), torch.as_tensor(over)))
    log_prob, reward, ended = (torch.stack(column) for column in zip(*steps, strict=True))  # [STEPS, GAMES] each
    # The return of a step is the reward at the end of its game. Steps of games that have not ended yet are left out.
    returns, known = reward.clone(), ended.clone()
    for step in reversed(range(STEPS - 1)):
        returns[step] = torch.where(ended[step], reward[step], returns[step + 1])
        known[step] |= known[step + 1]
    loss = -(log_prob * (returns - returns[known].mean()))[known].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 15 == 0:
        print(f"update {update:3}: mean reward {reward[ended].mean():5.2f} over {ended.sum()} games")
