"""Restricted Boltzmann machines, and how likely data are under one."""

from genaug_lessons.models.rbm.likelihood import (
    Annealed,
    annealed_log_partition,
    base_rates,
    check_states,
    exact_states,
    log_likelihood,
    log_partition,
    reverse_annealed_log_partition,
)
from genaug_lessons.models.rbm.model import (
    GAP,
    RBM,
    ContrastiveUpdate,
    softplus,
)

__all__ = [
    "GAP",
    "RBM",
    "Annealed",
    "ContrastiveUpdate",
    "annealed_log_partition",
    "base_rates",
    "check_states",
    "exact_states",
    "log_likelihood",
    "log_partition",
    "reverse_annealed_log_partition",
    "softplus",
]
