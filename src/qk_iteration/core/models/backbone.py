"""The backbone: any timm network up to its last feature map.

Networks whose weights depend on the size of the images, such as transformers, are built
for the size that is asked for.
"""

from difflib import get_close_matches

import timm
import torch
from torch import Tensor, nn

from qk_iteration.core.models.backbone_weights import RANDOM_WEIGHTS, load_weights
from qk_iteration.core.user_error import UserError, first_line


def load_backbone(
    name: str, weights: str, *, seed: int, image_size: int | None = None
) -> nn.Module:
    """A timm network that maps images (B, 3, H, W) to a feature map.

    Args:
        name: A timm model name, such as ``tf_efficientnet_lite0`` or ``resnet50``.
        weights: ``package`` (an installed package ships them), ``random``, or the path
            of a ``.safetensors``, ``.pt`` or ``.pth`` file with a state dict.
        seed: Seed of random weights; not used otherwise.
        image_size: H and W, in pixels, for networks that must be told; by default
            their own.

    Raises:
        UserError: If timm does not know the name, the network is not made for the size,
            it has no feature map, no package ships its weights, or the file does not
            fit.
    """
    check_name(name)
    with torch.random.fork_rng(devices=[]):
        backbone = _create(name, image_size, seed=seed)
    if weights != RANDOM_WEIGHTS:
        load_weights(backbone, name, weights)
    # Keeps the feature map: pooling is ours, so that its power is a parameter.
    try:
        backbone.reset_classifier(0, "")  # type: ignore[operator]
    except AssertionError as error:  # It has several feature maps, as CrossViT.
        raise UserError(
            "model.backbone must be a network with one last feature map; "
            f"'{name}' has none: {first_line(error)} Choose another."
        ) from error
    return backbone.to(memory_format=torch.channels_last)


def check_name(name: str) -> None:
    """Raise UserError, with near names, if timm knows no such network."""
    known = timm.list_models()
    if name not in known:
        near = get_close_matches(name, known, n=5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "See timm.list_models."
        raise UserError(
            f"model.backbone must be a timm model name; got '{name}'. {hint}"
        )


def wrong_size(name: str, image_size: int, error: Exception) -> UserError:
    """What to raise where a network is not made for images of a size."""
    known = timm.get_pretrained_cfg(name)
    own = f" Its own size is {known.input_size[-1]}." if known else ""
    reason = first_line(error).rstrip(".")
    return UserError(
        f"model.image_size must suit backbone '{name}'; got {image_size}: {reason}."
        f"{own}"
    )


def backbone_feature_dim(backbone: nn.Module) -> int:
    """Number of channels F of the backbone's last feature map."""
    return int(backbone.num_features)  # type: ignore[arg-type]


def feature_map(backbone: nn.Module, images: Tensor) -> Tensor:
    """The last feature map (B, F, h, w); a transformer's tokens as one column.

    Args:
        backbone: Of ``load_backbone``.
        images: Normalized. Shape (B, 3, H, W).
    """
    output: Tensor = backbone.forward_features(images)  # type: ignore[operator]
    if output.dim() == 3:  # (B, tokens, F); the class token shows no place.
        prefix = int(getattr(backbone, "num_prefix_tokens", 0))
        return output[:, prefix:].transpose(1, 2).unsqueeze(3)
    if getattr(backbone, "output_fmt", "NCHW") == "NHWC":
        return output.permute(0, 3, 1, 2)
    return output


def _create(name: str, image_size: int | None, *, seed: int) -> nn.Module:
    """The network with random weights; only it knows whether it takes a size."""
    if image_size is not None:
        torch.manual_seed(seed)
        try:
            sized: nn.Module = timm.create_model(
                name, pretrained=False, img_size=image_size
            )
            return sized
        except TypeError:  # It takes images of any size and no such argument.
            pass
        except (AssertionError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise wrong_size(name, image_size, error) from error
    torch.manual_seed(seed)
    backbone: nn.Module = timm.create_model(name, pretrained=False)
    return backbone
