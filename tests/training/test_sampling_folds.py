"""Who is held out together when the detector of wrong sampling frequencies is trained."""

import numpy as np

from pipeline.training.rhythms.sampling import FOLDS, folds


def test_parts_of_one_patient_share_a_fold_and_the_folds_are_of_like_size():
    others = [f"ludb/{number}" for number in range(1, 41)]
    fold_of = folds(np.array(["mitdb/114", "qtdb/sel114", "svdb/803", "qtdb/sel803", "qtdb/sele0104", *others]))
    assert fold_of["mitdb/114"] == fold_of["qtdb/sel114"]
    assert fold_of["svdb/803"] == fold_of["qtdb/sel803"]
    sizes = np.bincount([fold_of[name] for name in others], minlength=FOLDS)
    assert sizes.max() - sizes.min() <= 2


def test_records_of_other_databases_with_a_number_in_common_are_not_one_patient():
    names = ["ludb/430", *(f"{database}/{number}" for database in ("ludb", "vfdb") for number in range(418, 430))]
    fold_of = folds(np.array(names))
    assert any(fold_of[f"ludb/{number}"] != fold_of[f"vfdb/{number}"] for number in range(418, 430))
