"""Made twelve-lead ECGs, a made PTB-XL of them, and a made network in the names of its authors."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import wfdb

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
WAVES = {"P": (-0.16, 0.025), "Q": (-0.025, 0.009), "R": (0.0, 0.011), "S": (0.027, 0.010), "T": (0.27, 0.05)}
SIZES_MV = {  # of P, Q, R, S, T
    "I": (0.08, -0.05, 0.6, -0.1, 0.2),
    "II": (0.12, -0.06, 1.0, -0.15, 0.3),
    "V1": (0.05, 0.0, 0.2, -0.9, -0.05),
    "V2": (0.06, 0.0, 0.5, -1.2, 0.4),
    "V3": (0.06, 0.0, 0.9, -0.8, 0.45),
    "V4": (0.07, -0.05, 1.4, -0.4, 0.45),
    "V5": (0.07, -0.08, 1.3, -0.2, 0.35),
    "V6": (0.07, -0.08, 1.0, -0.1, 0.25),
}


def made_ecg(seconds=10.0, fs=500.0, leads=LEADS, rr_s=0.85, seed=0):
    """Return (n, n_leads) float32, mV, with a little noise."""
    time = np.arange(round(seconds * fs)) / fs
    beats = np.arange(0.4, seconds, rr_s)
    shapes = {
        name: sum(np.exp(-(((time - beat - at) / width) ** 2) / 2) for beat in beats)
        for name, (at, width) in WAVES.items()
    }
    noise = np.random.default_rng(seed).normal(scale=0.004, size=(time.size, len(leads)))
    ecg = np.stack([sum(size * shapes[w] for w, size in zip(WAVES, SIZES_MV[lead], strict=True)) for lead in leads], 1)
    return np.asarray(ecg + noise, np.float32)


CONVOLUTIONS = {
    "stem.0": (64, 12, 15), "blocks.0.conv1": (64, 64, 7), "blocks.0.conv2": (64, 64, 7),
    "blocks.1.conv1": (128, 64, 7), "blocks.1.conv2": (128, 128, 7), "blocks.1.shortcut.0": (128, 64, 1),
}  # fmt: skip
NORMS = {"stem.0": "stem.1", "blocks.1.shortcut.0": "blocks.1.shortcut.1"}
NORMS |= {name: name.replace("conv", "bn") for name in CONVOLUTIONS if "conv" in name}


def pytorch_weights(seed=0):
    """Return random weights as the authors' file names and orders them."""
    rng = np.random.default_rng(seed)
    made = {"head.weight": rng.normal(size=(5, 128)), "head.bias": rng.normal(size=5)}
    for name, shape in CONVOLUTIONS.items():
        made[f"{name}.weight"] = rng.normal(scale=0.05, size=shape)
        for part in ("weight", "running_var"):
            made[f"{NORMS[name]}.{part}"] = rng.uniform(0.5, 2, shape[0])
        for part in ("bias", "running_mean"):
            made[f"{NORMS[name]}.{part}"] = rng.normal(size=shape[0])
    return {name: array.astype(np.float32) for name, array in made.items()}


STATEMENTS = {"NORM": "NORM", "IMI": "MI", "NDT": "STTC", "LAFB": "CD", "LVH": "HYP"}
TABLE_COLUMNS = ("ecg_id", "patient_id", "scp_codes", "strat_fold", "filename_lr", "filename_hr")


def write_ptbxl(folder, records):
    """Write a PTB-XL of records (patient, fold, codes): signals that differ by their codes, and both tables."""
    (folder / "records100").mkdir(parents=True)
    rows = []
    for i, (patient, fold, codes) in enumerate(records, start=1):
        name = f"records100/{i:05}_lr"
        signal = made_ecg(fs=100.0, rr_s=0.7 + 0.02 * (i % 9), seed=i)
        for code, (lead, factor) in zip(STATEMENTS, ((0, 1.3), (1, 0.2), (4, -1.0), (2, 2.0), (6, 1.8)), strict=True):
            if code in codes:
                signal[:, lead] *= factor
        _write_record(folder / "records100", f"{i:05}_lr", signal)
        rows.append((i, float(patient), dict.fromkeys(codes, 100.0), fold, name, name.replace("lr", "hr")))
    with (folder / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([TABLE_COLUMNS, *rows])
    kinds = [(code, "1.0", group) for code, group in STATEMENTS.items()] + [("SR", "", ""), ("LVOLT", "", "NORM")]
    with (folder / "scp_statements.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("", "diagnostic", "diagnostic_class"), *kinds])


def _write_record(folder, name, signal):
    with warnings.catch_warnings():  # wfdb 4.3 writes headers in a way that pandas 3.1 calls deprecated
        warnings.simplefilter("ignore")
        wfdb.wrsamp(name, 100, ["mV"] * 8, list(LEADS), p_signal=signal.astype(np.float64), fmt=["16"] * 8,
                    adc_gain=[1000] * 8, baseline=[0] * 8, write_dir=str(folder))  # fmt: skip
