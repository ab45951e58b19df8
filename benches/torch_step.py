#!/usr/bin/env python3
"""The yardstick: training steps in PyTorch, one line of JSON for each.

    python3 benches/torch_step.py --threads 1,2 > torch.jsonl
    bench-step table ours.jsonl torch.jsonl

Needs torch and nothing else. By default it times the natural training step of the three networks
that `bench-step` times: a whole step of Adam, the batch on the device. With
`--method natural ibp crown-ibp` it also times the robust losses of the CROWN-IBP reference program,
written plainly: ε 0.15, β 0.5, κ 0.

Each case runs in a process of its own, with its own number of threads and its own peak memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

LEARNING_RATE = 5e-4
EPSILON, BETA = 0.15, 0.5
METHODS = ("natural", "ibp", "crown-ibp")
BATCHES = {
    "cnn_2layer_width_1": 256,
    "cnn_4layer_linear_256_width_2": 256,
    "dm-large": 32,
}


def network(name):
    """The layers of a network of the reference program, for images [B, 1, 28, 28]."""
    from torch import nn

    def layers(channels, convolutions, linear):
        made = []
        for out, kernel, stride in convolutions:
            made += [nn.Conv2d(channels, out, kernel, stride, 1), nn.ReLU()]
            channels = out
        made.append(nn.Flatten())
        for inputs, outputs in zip(linear, linear[1:]):
            made += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*made[:-1])

    if name == "cnn_2layer_width_1":
        return layers(1, [(4, 4, 2), (8, 4, 2)], [8 * 7 * 7, 128, 10])
    if name == "cnn_4layer_linear_256_width_2":
        convolutions = [(8, 3, 1), (8, 4, 2), (16, 3, 1), (16, 4, 2)]
        return layers(1, convolutions, [16 * 7 * 7, 256, 256, 10])
    convolutions = [(64, 3, 1), (64, 3, 1), (128, 3, 2), (128, 3, 1), (128, 3, 1)]
    return layers(1, convolutions, [128 * 14 * 14, 512, 10])


def margins_of(labels, classes=10):
    """C [B, classes - 1, classes]: the true class minus each other one."""
    import torch

    identity = torch.eye(classes)
    rows = identity[labels].unsqueeze(1) - identity.unsqueeze(0)
    others = labels.unsqueeze(1) != torch.arange(classes).unsqueeze(0)
    return rows[others].view(len(labels), classes - 1, classes)


def intervals(model, lower, upper):
    """The interval of each layer's input, by interval bound propagation; the last layer is left."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    found = []
    for layer in model:
        found.append((lower, upper))
        if layer is model[-1]:
            return found
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            center, radius = (lower + upper) / 2, (upper - lower) / 2
            center, weight = layer(center), layer.weight.abs()
            if isinstance(layer, nn.Conv2d):
                radius = F.conv2d(radius, weight, None, layer.stride, layer.padding)
            else:
                radius = F.linear(radius, weight)
            lower, upper = center - radius, center + radius
        else:
            lower, upper = layer(lower), layer(upper)
    return found


def interval_margins(model, bounds, rows):
    """Lower bounds [B, S] of the rows of the output, from the last layer's input."""
    last = model[-1]
    weight, bias = rows.matmul(last.weight), rows.matmul(last.bias)
    lower, upper = bounds[-1]
    center, radius = ((lower + upper) / 2).unsqueeze(2), ((upper - lower) / 2).unsqueeze(2)
    return (weight.matmul(center) - weight.abs().matmul(radius)).squeeze(2) + bias


def crown_margins(model, bounds, rows):
    """Lower bounds [B, S] of the rows of the output, by one backward pass of CROWN."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    coefficients, constant = rows, torch.zeros(rows.shape[:2])
    batch, count = rows.shape[:2]
    for layer, (lower, upper) in zip(reversed(model), reversed(bounds)):
        shape = lower.shape[1:]
        if isinstance(layer, nn.Linear):
            constant = constant + coefficients.matmul(layer.bias)
            coefficients = coefficients.matmul(layer.weight)
        elif isinstance(layer, nn.Flatten):
            coefficients = coefficients.view(batch, count, *shape)
        elif isinstance(layer, nn.Conv2d):
            constant = constant + (coefficients.sum((3, 4)) * layer.bias).sum(2)
            side, out = shape[-1], coefficients.shape[-1]
            kernel, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
            rest = side - ((out - 1) * stride - 2 * padding + kernel)
            flat = coefficients.reshape(batch * count, *coefficients.shape[2:])
            flat = F.conv_transpose2d(flat, layer.weight, None, stride, padding, rest)
            coefficients = flat.view(batch, count, *shape)
        else:
            low, high = lower.clamp(max=0), upper.clamp(min=0)
            high = torch.max(high, low + 1e-8)
            slope = high / (high - low)
            intercept = -low * slope
            lower_slope = (slope > 0.5).float().unsqueeze(1)
            negative, positive = coefficients.clamp(max=0), coefficients.clamp(min=0)
            coefficients = slope.unsqueeze(1) * negative + lower_slope * positive
            intercept = intercept.flatten(1).unsqueeze(1)
            constant = constant + (negative.flatten(2) * intercept).sum(2)
    lower, upper = bounds[0]
    coefficients = coefficients.flatten(2)
    center = ((lower + upper) / 2).flatten(1).unsqueeze(2)
    radius = ((upper - lower) / 2).flatten(1).unsqueeze(2)
    least = coefficients.matmul(center) - coefficients.abs().matmul(radius)
    return constant + least.squeeze(2)


def loss_of(model, method, images, labels):
    """The loss of a batch: natural, or robust at ε 0.15."""
    import torch
    from torch.nn import functional as F

    if method == "natural":
        return F.cross_entropy(model(images), labels)
    rows = margins_of(labels)
    lower, upper = (images - EPSILON).clamp(0, 1), (images + EPSILON).clamp(0, 1)
    bounds = intervals(model, lower, upper)
    margins = interval_margins(model, bounds, rows)
    if method == "crown-ibp":
        margins = BETA * crown_margins(model, bounds, rows) + (1 - BETA) * margins
    # As the reference program does, the clean outputs are computed for its metrics.
    with torch.no_grad():
        model(images)
    return torch.logsumexp(torch.cat([torch.zeros(len(labels), 1), -margins], 1), 1).mean()


def measure(model_name, method, arguments):
    """Times the steps of one case in this process."""
    import torch

    torch.set_num_threads(arguments.threads[0])
    torch.manual_seed(arguments.seed)
    batch = arguments.batch or BATCHES[model_name]
    model = network(model_name)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    images, labels = torch.rand(batch, 1, 28, 28), torch.arange(batch) % 10

    def step():
        start = time.perf_counter()
        optimizer.zero_grad()
        loss_of(model, method, images, labels).backward()
        optimizer.step()
        return time.perf_counter() - start

    for _ in range(arguments.warmup):
        step()
    start, times = time.perf_counter(), []
    while len(times) < arguments.repeats:
        times.append(step())
        if time.perf_counter() - start >= arguments.at_most:
            break
    record = {
        "program": "pytorch",
        "version": torch.__version__,
        "case": f"train/{model_name}/{method}",
        "model": model_name,
        "method": method,
        "backend": "pytorch",
        "batch": batch,
        "threads": torch.get_num_threads(),
        "workers": 1,
        "seconds": {"median": statistics.median(times), "min": min(times)},
        "repeats": len(times),
        "peak_bytes": peak_bytes(),
        "seed": arguments.seed,
    }
    if method != "natural":
        record |= {"epsilon": EPSILON, "kappa": 0.0}
    if method == "crown-ibp":
        record["beta"] = BETA
    print(json.dumps(record), flush=True)


def peak_bytes():
    """The largest resident memory of this process, where the system tells it."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return 1024 * int(line.split()[1])


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of at least 1")
    return number


def numbers(text):
    return [positive(part) for part in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--method", nargs="+", choices=METHODS, default=["natural"])
    parser.add_argument("--threads", type=numbers, default=[1], help="such as 1,2; default 1")
    parser.add_argument("--batch", type=positive, help="default: 256, and 32 for dm-large")
    parser.add_argument("--repeats", type=positive, default=11, help="steps that are timed")
    parser.add_argument("--warmup", type=int, default=2, help="steps before that")
    parser.add_argument("--at-most", type=float, default=60, help="seconds for a case")
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--here", action="store_true", help="one case, in this process")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.here:
        measure(arguments.model[0], arguments.method[0], arguments)
        return
    options = ["--repeats", "--warmup", "--at-most", "--seed"]
    values = [arguments.repeats, arguments.warmup, arguments.at_most, arguments.seed]
    same = [str(part) for pair in zip(options, values) for part in pair]
    if arguments.batch:
        same += ["--batch", str(arguments.batch)]
    for threads in arguments.threads:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        for model in arguments.model:
            for method in arguments.method:
                case = ["--here", "--model", model, "--method", method, "--threads", str(threads)]
                command = [sys.executable, os.path.abspath(__file__), *case, *same]
                subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
