"""Generative data augmentation, taught with code that is tested and claims that are computed.

Import what you need; nothing heavy is loaded before it is used:

    from genaug_lessons import augment, banks, data, evaluate
    from genaug_lessons.models.vae import VAE
    from genaug_lessons.random import generator
    from genaug_lessons.training import fit, training_steps

An argument of another type than annotated raises a TypeError, a value out of range a ValueError;
both name the argument, before any work.
"""

__version__ = "0.1.0"
