"""A network learns tic-tac-toe by playing: a DQN agent against a random opponent.

    python python/examples/tictactoe.py [SEED]

The network values a move, Q(board, move): what it will bring by the end of the game. It learns
from what it played: Q should be the reward, plus GAMMA times the value of the best move in the
position that followed, as a copy of the network that stands still sees it (Mnih et al. 2015,
"Human-level control through deep reinforcement learning").
"""

import math
import random
import sys
import time

import numpy as np
import reshet

GAMES, TESTED = 30_000, 1_000
REMEMBERED, BATCH = 10_000, 64
GAMMA = 0.99       # what a reward is worth a move later
COPY_EVERY = 1000  # games between two copies of the network
LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


def free(board):
    """The squares that are free: 1 is the agent's X, -1 the opponent's O."""
    return [square for square in range(9) if board[square] == 0]


def won(board, who):
    return any(board[a] == board[b] == board[c] == who for a, b, c in LINES)


def questions(board):
    """What the network is asked: the board and a move's row and column, for each free square."""
    return [(*board, square // 3, square % 3) for square in free(board)]


def play(board, square):
    """Plays a move and the opponent's reply; the reward, and whether the game is over."""
    board[square] = 1
    if won(board, 1):
        return 1.0, True
    squares = free(board)
    if not squares:
        return 0.0, True
    board[random.choice(squares)] = -1
    lost = won(board, -1)
    return (-1.0 if lost else 0.0), lost


def best_square(net, board):
    return free(board)[int(net(np.array(questions(board), np.float32)).argmax())]


class Worth:
    """What the best move of a position is worth to a network that stands still: it is asked
    about each position once, and again only after it has been brought up to date."""

    def __init__(self, net):
        self.net = net
        self.known = {}

    def of(self, boards):
        new = [board for board in set(boards) if board not in self.known]
        if new:
            asked = [questions(board) for board in new]
            values = iter(self.net(np.array(sum(asked, []), np.float32))[:, 0].tolist())
            for board, rows in zip(new, asked):
                self.known[board] = max(next(values) for _ in rows)
        return np.array([self.known[board] for board in boards], np.float32)

    def copy_from(self, net):
        self.net.copy_from(net)
        self.known.clear()


def main(seed):
    start = time.perf_counter()
    random.seed(seed)
    agent = reshet.Net("11-128:relu-64:relu-1", loss="mse", optimizer="sgd", lr=0.1, seed=seed)
    target = Worth(agent.copy())
    buffer = reshet.ReplayBuffer(REMEMBERED, seed=seed)

    for game in range(GAMES):
        curious = 0.01 + 0.99 * math.exp(-game / 5000)  # how often it tries any move
        board, over = [0] * 9, False
        while not over:
            if random.random() < curious:
                square = random.choice(free(board))
            else:
                square = best_square(agent, board)
            asked = np.array((*board, square // 3, square % 3), np.float32)
            reward, over = play(board, square)
            buffer.push(state=asked, reward=reward, next=np.array(board, np.float32), done=over)
            if len(buffer) >= BATCH:
                batch = buffer.sample(BATCH)
                y = batch.reward
                goes_on = ~batch.done
                boards = map(tuple, batch.next[goes_on].tolist())
                y[goes_on] += GAMMA * target.of(list(boards))
                agent.step(batch.state, y)
        if (game + 1) % COPY_EVERY == 0:
            target.copy_from(agent)
        if (game + 1) % 5000 == 0:
            print(game + 1, "games played", flush=True)

    results = {1.0: 0, -1.0: 0, 0.0: 0}
    for _ in range(TESTED):
        board, over = [0] * 9, False
        while not over:
            reward, over = play(board, best_square(agent, board))
        results[reward] += 1
    seconds = time.perf_counter() - start
    print(f"won {results[1.0]} lost {results[-1.0]} drawn {results[0.0]} of {TESTED} "
          f"in {seconds:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
