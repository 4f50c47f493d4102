"""Signs of left arm and left leg exchanged; flat limb leads: `python -m benchmarks.electrode_swaps`.

Recordings of LUDB but its held-out records, and every third of PTB-XL. With these two electrodes exchanged, lead I
becomes II and III turns over, which needs no second reading. Prints the numbers of docs/experiments/statements.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, data_root
from pipeline.datasets.wave_references import LUDB_HELD_OUT
from pipeline.intake import read_path
from pipeline.twelve_leads.electrodes import FLAT_MV, OTHERS_MV
from pipeline.twelve_leads.measuring import gather
from pipeline.twelve_leads.reading import read_waves

HIGHER_MV: Final = (0.0, 0.02, 0.03, 0.04)  # of P in I over P in II
DEEP_MV: Final = (0.03, 0.05, 0.07)  # of P in III
Limbs = NDArray[np.float64]


def measured() -> Iterator[Limbs]:
    """P and QRS (2, 3) of I, II and III of each recording, mV; NaN where there is none."""
    classifier = load_classifier(RECORDING_NETWORK)
    ludb = [file for file in (data_root() / "ludb").rglob("*.hea") if file.stem not in LUDB_HELD_OUT]
    for header in (*ludb, *sorted((data_root() / "ptbxl").rglob("*.hea"))[::3]):
        recording = read_path(header)
        analysis = analyse(recording, classifier)
        shapes = gather(recording, analysis, read_waves(recording, analysis)).facts.shapes
        some = [shapes.get(lead) for lead in ("I", "II", "III")]
        p = [np.nan if one is None or one.p_mv is None else one.p_mv for one in some]
        yield np.array([p, [np.nan if one is None else one.swing_mv for one in some]])


def main() -> None:
    """Prints both tables."""
    found = np.array(list(measured()))
    p = found[:, 0][np.isfinite(found[:, 0]).all(axis=1)]
    exchanged = p[:, [1, 0, 2]] * [1, 1, -1]
    print(f"{len(found)} recordings, {len(p)} with P waves in I, II and III")
    for higher in HIGHER_MV:
        for deep in DEEP_MV:
            both = [int(((q[:, 0] - q[:, 1] > higher) & (q[:, 2] <= -deep)).sum()) for q in (exchanged, p)]
            print(
                f"P in I over II by {higher:.2f}, in III at most {-deep:.2f} mV: exchanged {both[0]}, others {both[1]}"
            )
    swing = np.sort(np.nan_to_num(found[:, 1]), axis=1)
    print(f"a flat limb lead: {int(((swing[:, 0] < FLAT_MV) & (swing[:, 1] > OTHERS_MV)).sum())}")


if __name__ == "__main__":
    main()
