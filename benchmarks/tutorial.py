"""A training loop as the common tutorials write it: PyTorch's own on DCGAN, and the many that follow it. Same nets as ours.

What it does and the library does not: the memory format that PyTorch starts in, a sigmoid and BCELoss instead of logits,
gradients of D's weights while G learns, losses read at every update, Adam in many small operations instead of one.
"""

from __future__ import annotations

import torch
from torch import nn

from dcgan_core import networks
from dcgan_core.networks import Architecture


class Tutorial:
    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        self.a = architecture
        self.g, d = networks.build(architecture, seed)
        self.d = nn.Sequential(d, nn.Sigmoid())
        self.criterion = nn.BCELoss()
        self.optimizer_d = torch.optim.Adam(self.d.parameters(), lr=0.0002, betas=(0.5, 0.999))
        self.optimizer_g = torch.optim.Adam(self.g.parameters(), lr=0.0002, betas=(0.5, 0.999))

    def update(self, real: torch.Tensor) -> tuple[float, ...]:
        """One batch, images in [-1, 1]: D on real images, D on generated ones, then G."""
        # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
        self.d.zero_grad()
        label = torch.full((len(real),), 1.0)
        output = self.d(real).view(-1)
        error_real = self.criterion(output, label)
        error_real.backward()
        d_x = output.mean().item()
        noise = torch.rand(len(real), self.a.latent) * 2 - 1
        fake = self.g(noise)
        label.fill_(0.0)
        output = self.d(fake.detach()).view(-1)
        error_fake = self.criterion(output, label)
        error_fake.backward()
        d_g_z1 = output.mean().item()
        error_d = error_real + error_fake
        self.optimizer_d.step()
        # (2) Update G network: maximize log(D(G(z)))
        self.g.zero_grad()
        label.fill_(1.0)
        output = self.d(fake).view(-1)
        error_g = self.criterion(output, label)
        error_g.backward()
        d_g_z2 = output.mean().item()
        self.optimizer_g.step()
        return error_d.item(), error_g.item(), d_x, d_g_z1, d_g_z2
