"""Start every training from weights that are off by one part in a million.

A file for $PYTHONSTARTUP, which a kernel runs before its first cell. Training carries such a
difference on as it carries on how a processor rounds, so it stands for every processor that is
not at hand.
"""


def _shake_all_starts(size: float = 1e-6) -> None:
    """Have every optimiser and every training shake the weights that it is handed."""
    import torch

    from genaug_lessons.training import Training

    rng = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def shake(weights):
        for weight in weights:
            if weight.requires_grad:
                noise = 2 * torch.rand(weight.shape, generator=rng) - 1
                weight.mul_(1 + size * noise.to(weight))

    def start_optimizer(self, *args, **settings):
        first_optimizer(self, *args, **settings)
        for group in self.param_groups:
            shake(group["params"])

    def start_training(self, model, *args, **settings):
        first_training(self, model, *args, **settings)
        shake(model.parameters())

    first_optimizer, first_training = torch.optim.Optimizer.__init__, Training.__init__
    torch.optim.Optimizer.__init__ = start_optimizer  # for loops written out in a lesson
    Training.__init__ = start_training  # for families that need no optimiser


_shake_all_starts()
del _shake_all_starts
