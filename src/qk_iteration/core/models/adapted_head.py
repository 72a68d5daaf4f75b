"""A head that is followed by a linear map, which alone learns.

The cheap way to serve an index with other queries: the old descriptor is kept and only
turned. Lengths of descriptors do not matter, so a map without a bias after the old head
is a map of the old descriptor; both fold into one head at the end.

Shapes:
    F: features.
    D: dimension of the old descriptor.
    E: dimension of the new one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AdaptedHead(nn.Linear):
    """Maps features (B, F) by the old head, which stands still, and then linearly.

    Args:
        old: The head whose outputs are mapped.
        weight: Where the map starts. Shape (E, D).
    """

    def __init__(self, old: nn.Linear, weight: Tensor) -> None:
        super().__init__(weight.shape[1], weight.shape[0], bias=False)
        with torch.no_grad():
            self.weight.copy_(weight)
        self.old_weight: Tensor
        self.old_bias: Tensor
        self.register_buffer("old_weight", old.weight.detach().clone())
        self.register_buffer("old_bias", old.bias.detach().clone())

    def forward(self, features: Tensor) -> Tensor:
        """From (B, F) to (B, E)."""
        return super().forward(F.linear(features, self.old_weight, self.old_bias))

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        """One linear layer from F to E that gives the same."""
        head = nn.Linear(self.old_weight.shape[1], self.out_features)
        head.weight.copy_(self.weight @ self.old_weight)
        head.bias.copy_(self.weight @ self.old_bias)
        return head.to(self.weight.device)
