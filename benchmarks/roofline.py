"""How near `vgg16` comes to the machine's own matrix product: `python -m benchmarks.roofline [--write]`.

The network answers batches of pictures by turns with products of large matrices of the same precision, on one
thread; then each layer alone, by turns with a matrix product of its own shape. The rates are operations by processor
time, the best of some rounds, so that their ratio says little about what else the machine does. Each precision is
measured in a process of its own. `--write` writes docs/experiments/roofline.json and the table of
docs/experiments/speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.scale_results import LayerSpeed, Precision, Roofline
from models import registry
from models.runtime import dtype_policy, tensorflow
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, current_environment, now
from pipeline._util.typed_json import from_json, read_as, to_json
from pipeline.config import ROOT

NETWORK: Final = "vgg16"
REPORT: Final = ROOT / "docs" / "experiments" / "roofline.json"
PAGE: Final = ROOT / "docs" / "experiments" / "speed.md"
MARKS: Final = ("<!-- roofline:start -->", "<!-- roofline:end -->")
POLICIES: Final = ("mixed_bfloat16", "float32")
SHAPES: Final = (  # of the large products: rows, inner, columns; the fastest counts
    *((1024, 1024, 1024), (2048, 2048, 2048), (3072, 3072, 3072)),
    *((12288, 2304, 256), (6144, 4608, 512), (49152, 1152, 128)),
)
BATCH, OF_LAYERS = 128, 16  # pictures: of the network as it is used, and of layers whose inputs are unfolded
ROUNDS: Final = 7
AIM: Final = 0.7


def best_s(works: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Return the shortest processor time of each, s; they take turns, after one that does not count."""
    best = [float("inf")] * len(works)
    for number in range(rounds + 1):
        for i, work in enumerate(works):
            start = time.process_time()
            work()
            if number:
                best[i] = min(best[i], time.process_time() - start)
    return best


def flop(layer: Any) -> int:
    """Return the operations of a convolution or dense layer for one picture."""
    kernel = np.array(layer.kernel.shape)
    positions = int(np.prod(layer.output.shape[1:-1])) if len(kernel) == 4 else 1
    return 2 * positions * int(kernel.prod())


def weighted(model: Any) -> list[Any]:
    """Return the layers that are matrix products."""
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def product(rows: int, inner: int, columns: int, dtype: str) -> Callable[[], object]:
    """Return a function that multiplies two random matrices."""
    tf = tensorflow()
    rng = np.random.default_rng(0)
    one, other = (tf.cast(rng.standard_normal(shape, np.float32), dtype) for shape in ((rows, inner), (inner, columns)))
    multiply = tf.function(tf.matmul)
    return lambda: multiply(one, other)


def layer_alone(layer: Any, dtype: str) -> Callable[[], object]:
    """Return a function that applies a layer, bias and activation included, to random inputs."""
    tf = tensorflow()
    shape = (OF_LAYERS, *layer.input.shape[1:])
    inputs = tf.cast(np.random.default_rng(0).standard_normal(shape, np.float32), dtype)
    apply = tf.function(lambda x: layer(x))
    return lambda: apply(inputs)


def measured() -> Precision:
    """Measure the precision that this process computes in."""
    load, network = os.getloadavg()[0], registry.load(NETWORK)
    dtype = "bfloat16" if dtype_policy() == "mixed_bfloat16" else "float32"
    layers = weighted(network.model)
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, *network.manifest.input_shape), np.uint8)
    each, *large = best_s([lambda: network.logits(pictures), *(product(*shape, dtype) for shape in SHAPES)])
    rates = [2 * int(np.prod(shape)) / s / 1e9 for shape, s in zip(SHAPES, large, strict=True)]
    top = max(rates)
    rate = BATCH * sum(map(flop, layers)) / each / 1e9
    return Precision(
        dtype=dtype_policy(), product=SHAPES[rates.index(top)], product_gflop_s=round(top, 1),
        network_gflop_s=round(rate, 1), pictures_s=round(BATCH / each, 1), share=round(rate / top, 3),
        load=round(load, 1), layers=tuple(speed(layer, dtype, top) for layer in layers),
    )  # fmt: skip


def speed(layer: Any, dtype: str, top: float) -> LayerSpeed:
    """Return how fast a layer is beside a product of its own shape, and of the rate of the large product."""
    own = layer.compute_dtype if hasattr(layer, "compute_dtype") else dtype
    *inner, columns = layer.kernel.shape
    rows = OF_LAYERS * flop(layer) // (2 * int(np.prod(layer.kernel.shape)))
    alone, like = best_s([layer_alone(layer, own), product(rows, int(np.prod(inner)), columns, own)], 3)
    rate = OF_LAYERS * flop(layer) / alone / 1e9
    return LayerSpeed(
        layer=layer.name, mflop=round(flop(layer) / 1e6, 1), gflop_s=round(rate, 1), share=round(rate / top, 3),
        share_of_own_shape=round(like / alone, 3),
    )  # fmt: skip


def page(report: Roofline) -> None:
    """Write the table of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def markdown(report: Roofline) -> str:
    """Return the report as Markdown."""
    heads = " | ".join(f"{one.dtype}: share, own shape" for one in report.precisions)
    lines = [
        f"`python -m benchmarks.roofline --write`: `{report.network}` on one thread of {report.processor},",
        f"{report.batch} pictures at a time, {report.mflop:,.0f} million operations a picture. Rates are billion",
        "operations a second of processor time; *share* is of the machine's own product of large matrices",
        f"of the same precision, by turns in one process. The aim is {AIM:.0%}.",
        "",
        "| precision | pictures a second | network | product | share | load |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.dtype} | {one.pictures_s:.0f} | {one.network_gflop_s:.0f} | {one.product_gflop_s:.0f} "
            f"({' x '.join(map(str, one.product))}) | {one.share:.0%} | {one.load:g} |"
            for one in report.precisions
        ),
        "",
        f"Layer by layer, {OF_LAYERS} pictures; *own shape* is the share of a matrix product with as many rows and",
        "columns as the layer has:",
        "",
        f"| layer | million operations | {heads} |",
        "|---|---|" + "---|" * len(report.precisions),
    ]
    for rows in zip(*(one.layers for one in report.precisions), strict=True):
        shares = (f"{row.share:.0%}, {row.share_of_own_shape:.0%}" for row in rows)
        lines.append(f"| {rows[0].layer} | {rows[0].mflop:,.1f} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def _of(policy: str) -> Precision:
    command = [sys.executable, "-m", "benchmarks.roofline", "--of"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    environment_of = os.environ | threads | {"HEARTVISION_DTYPE": policy, "HEARTVISION_GPU": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment_of, capture_output=True, text=True, check=True)
    return from_json(Precision, json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure every precision, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--page", action="store_true", help="renew the page from what was measured before")
    parser.add_argument("--of", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of:
        print(json.dumps(to_json(measured())))
        return
    if options.page:
        page(read_as(Roofline, REPORT, again="run it with --write"))
        return
    precisions = tuple(_of(policy) for policy in POLICIES)
    report = Roofline(
        provenance=Provenance("python -m benchmarks.roofline --write", current_commit(), "random pictures", now()),
        network=NETWORK, processor=current_environment((), "").processor, batch=BATCH,
        mflop=round(sum(row.mflop for row in precisions[0].layers), 1), precisions=precisions,
    )  # fmt: skip
    print(markdown(report))
    if options.write:
        write_json(REPORT, to_json(report))
        page(report)


if __name__ == "__main__":
    main()
