"""Exercises that find something out, one for each lesson."""

from genaug_lessons.exercises.find_out.autoencoders import choose_width
from genaug_lessons.exercises.find_out.boltzmann_machines import steps_needed
from genaug_lessons.exercises.find_out.classical_augmentation import bank_of_turned
from genaug_lessons.exercises.find_out.deep_belief_networks import first_weights
from genaug_lessons.exercises.find_out.denoising import choose_noise
from genaug_lessons.exercises.find_out.dropout import choose_p
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding
from genaug_lessons.exercises.find_out.gans import share_of_copies
from genaug_lessons.exercises.find_out.gaussian_mixtures import choose_shares
from genaug_lessons.exercises.find_out.score_matching import step_size
from genaug_lessons.exercises.find_out.start_here import repeats_needed
from genaug_lessons.exercises.find_out.variational_autoencoders import break_even

__all__ = [
    "Experiment",
    "Finding",
    "bank_of_turned",
    "break_even",
    "choose_noise",
    "choose_p",
    "choose_shares",
    "choose_width",
    "first_weights",
    "repeats_needed",
    "share_of_copies",
    "step_size",
    "steps_needed",
]
