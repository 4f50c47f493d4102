"""WFDB records beyond one plain segment, made from numbers: segments, several rates, and FLAC."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from tests.hostile.make_corpus import FS, ecg, pack, signal_line

BOTH = np.stack([ecg(), ecg(lead=1)], axis=1)


def segment(name: str, leads: dict[str, np.ndarray], *, gain: str = "200/mV") -> dict[str, bytes]:
    """One segment, in files of its own."""
    n = len(next(iter(leads.values())))
    lines = [f"{name} {len(leads)} {FS} {n}"]
    lines += [signal_line(values, file=f"{name}.dat", fmt="16", gain=gain, lead=lead) for lead, values in leads.items()]
    return {f"{name}.hea": "\n".join(lines).encode(), f"{name}.dat": pack(np.stack([*leads.values()], axis=1), "16")}


def fixed_layout() -> dict[str, bytes]:
    """Two segments of two leads, 3 s of gap between them."""
    parts = [{"II": BOTH[at : at + 2500, 0], "V5": BOTH[at : at + 2500, 1]} for at in (0, 2500)]
    master = f"r/3 2 {FS} 5750\nr_1 2500\n~ 750\nr_2 2500\n# age: 61 sex: F\n".encode()
    return {"r.hea": master, **segment("r_1", parts[0]), **segment("r_2", parts[1])}


def variable_layout() -> dict[str, bytes]:
    """A layout of three leads; the first segment has two of them, the second two others with another gain."""
    layout = f"r_layout 4 {FS} 0\n~ 0 200/mV 0 0 0 0 0 V1\n~ 0 200/mV 0 0 0 0 0 II\n"
    layout += "~ 0 9/NU 0 0 0 0 0 PLETH\n~ 0 200/mV 0 0 0 0 0 V5\n"
    first = segment("r_1", {"II": BOTH[:2500, 0], "V5": BOTH[:2500, 1]})
    second = segment("r_2", {"V1": BOTH[2500:5000, 1], "II": 2 * BOTH[2500:5000, 0]}, gain="400/mV")
    master = f"r/3 4 {FS} 5000\nr_layout 0\nr_1 2500\nr_2 2500\n".encode()
    return {"r.hea": master, "r_layout.hea": layout.encode(), **first, **second}


def frames(*, fmt: str = "16", skew: str = "") -> dict[str, bytes]:
    """Frames of 4 samples of II, 2 of V5 and 1 of RESP: 250, 125 and 62.5 Hz."""
    frames = np.concatenate([BOTH[:, 0].reshape(-1, 4), BOTH[::2, 1].reshape(-1, 2), BOTH[::4, 1:]], axis=1)
    lines = [f"r 3 62.5 {len(frames)}"]
    lines += [signal_line(BOTH[:, 0], file="r.dat", fmt=f"{fmt}x4{skew}", lead="II")]
    lines += [signal_line(BOTH[::2, 1], file="r.dat", fmt=f"{fmt}x2", lead="V5")]
    lines += [signal_line(BOTH[::4, 1], file="r.dat", fmt=fmt, lead="RESP")]
    return {"r.hea": "\n".join(lines).encode(), "r.dat": pack(frames, fmt)}


def flac(fmt: str, samples: np.ndarray, subtype: str) -> dict[str, bytes]:
    """A record whose samples (n_samples, 2) are packed as FLAC."""
    stream, bits = io.BytesIO(), {"PCM_S8": 24, "PCM_16": 16, "PCM_24": 8}[subtype]
    soundfile.write(stream, (samples << bits).astype(np.int32), 4000, subtype, format="FLAC")
    lines = [f"r {samples.shape[1]} {FS} {len(samples)}"]
    lines += [signal_line(samples[:, i], file="r.dat", fmt=fmt, lead=("II", "V5")[i]) for i in (0, 1)]
    return {"r.hea": "\n".join(lines).encode(), "r.dat": stream.getvalue()}
