"""Did it help, by how much, and when does it harm? Studies, intervals, quality of samples."""

from genaug_lessons.evaluate.arm import Arm, ArmResult, run_arm
from genaug_lessons.evaluate.estimate import Estimate, claim, estimate, paired_gain
from genaug_lessons.evaluate.quality import (
    classification_accuracy_score,
    copy_rate,
    frechet_distance,
    mode_shares,
    modes_covered,
    nearest_distance,
    under_corruptions,
)
from genaug_lessons.evaluate.scores import (
    Score,
    accuracy,
    average_precision,
    brier,
    expected_cost,
    recall,
)
from genaug_lessons.evaluate.sharing import OncePerRepeat, once_per_repeat
from genaug_lessons.evaluate.study import Study, study

__all__ = [
    "Arm",
    "ArmResult",
    "Estimate",
    "OncePerRepeat",
    "Score",
    "Study",
    "accuracy",
    "average_precision",
    "brier",
    "claim",
    "classification_accuracy_score",
    "copy_rate",
    "estimate",
    "expected_cost",
    "frechet_distance",
    "mode_shares",
    "modes_covered",
    "nearest_distance",
    "once_per_repeat",
    "paired_gain",
    "recall",
    "run_arm",
    "study",
    "under_corruptions",
]
