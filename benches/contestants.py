"""PyTorch eager and JAX's compiled loop at the work of benches/*.trine: one process a contestant and size.

    python contestants.py torch|jax|jax-vmap SIZE-AS-JSON [DATA.npz]

Started by run.py with the interpreter of `.bench/venv`. It says on one line who it is, then answers each line
`EPOCHS SEED` of standard input with one line: the processor time of training that many epochs from a fresh start,
and the accuracy on the test split. Start-up, compilation, initialisation and evaluation are outside of that time.
The work is the same for all: minibatches of a new shuffle each epoch gathered by index within the step, a last
short batch, tanh network, softmax cross-entropy, its gradient, and plain gradient descent, in float32.
"""

import json
import sys
import time

import numpy as np

RATE = 0.1


def digits(path, size):
    """The digits of the repository, or noise of their shape where it has none."""
    train, test = size["train"], size["test"]
    if path is None:
        return synthetic(size)
    with np.load(path) as data:
        pixels, digit = data["digits/pixels"], data["digits/digit"]
    order = np.random.default_rng(0).permutation(len(pixels))[: train + test]
    return pixels[order].astype(np.float32) / 16, digit[order].reshape(-1).astype(np.int32)


def synthetic(size):
    """Inputs of normal numbers with labels of a linear teacher, as in wide.trine."""
    random = np.random.default_rng(0)
    inputs, classes = size["layers"][0], size["layers"][-1]
    x = random.normal(0, 0.3, (size["train"] + size["test"], inputs)).astype(np.float32)
    teacher = random.normal(0, 1, (classes, inputs)).astype(np.float32)
    return x, np.argmax(x @ teacher.T, axis=1).astype(np.int32)


class Torch:
    """As people write it: modules, autograd, and the optimizer of the library."""

    def __init__(self, size, x, y):
        import torch

        self.torch, self.size = torch, size
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        self.version = f"PyTorch {torch.__version__}"
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y).long()

    def fresh(self, seed):
        torch = self.torch
        torch.manual_seed(seed)
        inputs, hidden, classes = self.size["layers"]
        network = torch.nn.Sequential(
            torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, classes)
        )
        for layer in (network[0], network[2]):
            torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            torch.nn.init.zeros_(layer.bias)
        return network

    def train(self, network, epochs, _seed):
        torch, batch, n = self.torch, self.size["batch"], self.size["train"]
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
        cross_entropy = torch.nn.functional.cross_entropy
        x, y = self.x[:n], self.y[:n]
        for _ in range(epochs):
            order = torch.randperm(n)
            for start in range(0, n, batch):
                index = order[start : start + batch]
                optimizer.zero_grad()
                loss = cross_entropy(network(x[index]), y[index])
                loss.backward()
                optimizer.step()
        return network

    def accuracy(self, network):
        n = self.size["train"]
        with self.torch.no_grad():
            return float((network(self.x[n:]).argmax(1) == self.y[n:]).float().mean())


class Jax:
    """Epochs in one compiled loop; with `seeds` over 1, as many networks side by side by vmap.

    The shuffles are drawn by NumPy, CHUNK epochs a call: JAX's own permutation, a sort, would cost a quarter more.
    """

    CHUNK = 64

    def __init__(self, size, x, y, seeds=1):
        import jax

        self.jax, self.size, self.seeds = jax, size, seeds
        jax.config.update("jax_platforms", "cpu")
        self.version = f"JAX {jax.__version__}"
        n = size["train"]
        self.x, self.y = jax.numpy.asarray(x[:n]), jax.numpy.asarray(y[:n])
        self.test = jax.numpy.asarray(x[n:]), jax.numpy.asarray(y[n:])
        run = self.epochs
        if seeds > 1:
            run = jax.vmap(run, in_axes=(0, 0, None, None, None))
        self.run = jax.jit(run)

    def fresh(self, seed):
        jax = self.jax
        inputs, hidden, classes = self.size["layers"]

        def one(key):
            first, second = jax.random.split(key)
            return [
                (jax.random.normal(first, (inputs, hidden)) * inputs**-0.5, jax.numpy.zeros(hidden)),
                (jax.random.normal(second, (hidden, classes)) * hidden**-0.5, jax.numpy.zeros(classes)),
            ]

        if self.seeds == 1:
            return jax.block_until_ready(one(jax.random.key(seed)))
        return jax.block_until_ready(jax.vmap(one)(jax.random.split(jax.random.key(seed), self.seeds)))

    def forward(self, network, x):
        (w1, b1), (w2, b2) = network
        return self.jax.numpy.tanh(x @ w1 + b1) @ w2 + b2

    def epochs(self, network, orders, count, x, y):
        jax, batch, n = self.jax, self.size["batch"], self.size["train"]
        full = n // batch * batch

        def loss(network, x, y):
            answer = jax.nn.log_softmax(self.forward(network, x))
            return -jax.numpy.take_along_axis(answer, y[:, None], axis=1).mean()

        def step(network, index):
            slope = jax.grad(loss)(network, x[index], y[index])
            return jax.tree.map(lambda w, d: w - RATE * d, network, slope), None

        def epoch(i, network):
            order = orders[i]
            network, _ = jax.lax.scan(step, network, order[:full].reshape(-1, batch))
            if full < n:
                network, _ = step(network, order[full:])
            return network

        return jax.lax.fori_loop(0, count, epoch, network)

    def train(self, network, epochs, seed):
        random, n = np.random.default_rng(seed), self.size["train"]
        orders = np.zeros((self.seeds, self.CHUNK, n), dtype=np.int32)
        for done in range(0, epochs, self.CHUNK):
            count = min(self.CHUNK, epochs - done)
            for of_seed in orders:
                for i in range(count):
                    of_seed[i] = random.permutation(n)
            shuffles = self.jax.numpy.array(orders if self.seeds > 1 else orders[0])
            network = self.run(network, shuffles, count, self.x, self.y)
        return self.jax.block_until_ready(network)

    def accuracy(self, network):
        x, y = self.test
        forward = self.forward
        if self.seeds > 1:
            forward = self.jax.vmap(forward, in_axes=(0, None))
        return float((forward(network, x).argmax(-1) == y).mean())


def main():
    kind, size = sys.argv[1], json.loads(sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else None
    x, y = digits(path, size) if size["name"] == "digits" else synthetic(size)
    seeds = size["seeds"] if kind == "jax-vmap" else 1
    contestant = Torch(size, x, y) if kind == "torch" else Jax(size, x, y, seeds)
    contestant.train(contestant.fresh(0), 2, 0)  # what is compiled or loaded late is so now
    print(json.dumps({"version": contestant.version, "seeds": seeds}), flush=True)
    for line in sys.stdin:
        epochs, seed = map(int, line.split())
        network = contestant.fresh(seed)
        before = time.process_time()
        network = contestant.train(network, epochs, seed)
        seconds = time.process_time() - before
        answer = {"seconds": seconds, "accuracy": contestant.accuracy(network)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
