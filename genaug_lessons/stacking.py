"""K classifiers as one module, (K, B, *shape) -> (K, B, classes): their weights side by side.

Rows of dense and convolutional layers have stacks written by hand, which are the fastest. Any other
model runs under `torch.func.vmap`.

Letters: K models, B rows of a batch, x (K, B, *shape).
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Dropout, Net
from genaug_lessons.typed import check_types

ROW_BY_ROW = (nn.Identity, nn.LeakyReLU, nn.MaxPool2d, nn.ReLU, nn.Sigmoid, nn.Softplus, nn.Tanh)


def stacked(models: Sequence[Classifier]) -> "StackedNet | Vectorised":
    """Copies of the models as one module, forward(x, rng); what is frozen stays frozen.

    Args:
        models: of one architecture; they are not changed.

    Raises:
        ValueError: a model keeps a tensor that is neither a parameter nor a buffer.
    """
    if all(map(_has_stack, models)):
        return StackedNet([model.network for model in models])
    return Vectorised(models)


class StackedLinear(nn.Module):
    """K dense layers as one batched product: (K, B, ..., inputs) -> (K, B, ..., outputs)."""

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = _stack([layer.weight.T for layer in layers])  # (K, inputs, outputs)
        biases = [layer.bias[None] for layer in layers if layer.bias is not None]
        self.bias = _stack(biases) if biases else None  # (K, 1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1, -2)
        if self.bias is None:
            out = torch.bmm(rows, self.weight)
        else:
            out = torch.baddbmm(self.bias, rows, self.weight)
        return out.unflatten(1, x.shape[1:-1])


class StackedConv2d(nn.Module):
    """K convolutions as one with K times the groups: (K, B, C, H, W) -> (K, B, D, H', W')."""

    def __init__(self, layers: Sequence[nn.Conv2d]):
        super().__init__()
        self.weight = _stack([layer.weight for layer in layers])  # (K, D, C / groups, h, w)
        biases = [layer.bias for layer in layers if layer.bias is not None]
        self.bias = _stack(biases) if biases else None  # (K, D)
        self.groups = layers[0].groups
        self.steps = {name: getattr(layers[0], name) for name in ("stride", "padding", "dilation")}

    def forward(self, x: Tensor) -> Tensor:
        models = len(x)
        side_by_side = x.transpose(0, 1).flatten(1, 2)  # (B, K * C, H, W)
        out = F.conv2d(
            side_by_side,
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            groups=models * self.groups,
            **self.steps,
        )
        return out.unflatten(1, (models, -1)).transpose(0, 1)


class StackedNet(nn.Module):
    """K networks of dense, convolutional and row-by-row layers (`_has_stack`)."""

    def __init__(self, networks: Sequence[Net]):
        super().__init__()
        self.layers = nn.ModuleList(map(_stacked_layer, zip(*networks, strict=True)))

    def forward(self, x: Tensor, rng: torch.Generator | None) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, Dropout):
                x = layer(x, rng)
            elif isinstance(layer, (StackedLinear, StackedConv2d)):
                x = layer(x)
            else:  # which treats every row alike, whoever's it is
                x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return x


class Vectorised(nn.Module):
    """K models of any kind: a copy of one, whose parameters and buffers hold those of all K.

    Every parameter and buffer of `template` has the models as its first axis; `vmap` runs the
    model's own `forward` on one slice of each, for all of them at once.

    Raises:
        ValueError: a model keeps a tensor that is neither a parameter nor a buffer.
    """

    def __init__(self, models: Sequence[Classifier]):
        super().__init__()
        self.template = deepcopy(models[0])
        _refuse_plain_tensors(self.template)
        states = [_state(model) for model in models]
        for name, tensor in _state(self.template).items():
            tensor.data = torch.stack([state[name].detach() for state in states])
            tensor.grad = None

    def forward(self, x: Tensor, rng: torch.Generator | None) -> Tensor:
        def alone(state: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(self.template, state, (x, rng), tie_weights=False)

        return vmap(alone, randomness="different")(_state(self.template), x)


def _has_stack(model: Classifier) -> bool:
    """Whether a `StackedNet` computes what the model does."""
    network = model.network
    if type(model).forward is not Classifier.forward or type(network) is not Net:
        return False
    apart = [parameter for layer in network for parameter in layer.parameters()]
    shared = len(apart) > len(list(network.parameters()))  # by several layers
    return not shared and all(map(_layer_has_stack, network))


def _layer_has_stack(layer: nn.Module) -> bool:
    kind = type(layer)
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    if kind is nn.Conv2d:
        return layer.padding_mode == "zeros"
    if kind is nn.Flatten:
        return layer.start_dim == 1
    return kind in (nn.Linear, Dropout, *ROW_BY_ROW)


def _stacked_layer(layers: Sequence[nn.Module]) -> nn.Module:
    if isinstance(layers[0], nn.Linear):
        return StackedLinear(layers)
    if isinstance(layers[0], nn.Conv2d):
        return StackedConv2d(layers)
    return deepcopy(layers[0])


def _stack(weights: list[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack(weights).detach().clone(), weights[0].requires_grad)


def _state(model: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers by name; one that two layers share has the names of both."""
    return {
        f"{name}.{key}".lstrip("."): tensor
        for name, part in model.named_modules()
        for own in (part.named_parameters, part.named_buffers)
        for key, tensor in own(recurse=False, remove_duplicate=False)
    }


def _refuse_plain_tensors(model: Classifier) -> None:
    for name, part in model.named_modules():
        for attribute, value in vars(part).items():
            if isinstance(value, Tensor) and attribute != "seen":
                raise ValueError(
                    f"models must keep {name}.{attribute} as a parameter or a buffer "
                    "(register_buffer): other tensors cannot differ between members"
                )


check_types(__name__)
