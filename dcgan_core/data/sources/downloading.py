"""Sets that can be fetched: those that torchvision knows, and Tiny-ImageNet, checked against its published sum."""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.request
from pathlib import Path

from tqdm.auto import tqdm

from dcgan_core.data.sources import published, source, torchvision_sets
from dcgan_core.errors import UserError, reason
from dcgan_core.files import replacing

TINY = "tiny-imagenet"


def fetchable() -> tuple[str, ...]:
    return (*published.TORCHVISION, TINY)


def download(name: str) -> None:
    """Fetches a set into the data root (or, where that cannot be written, beside the cache)."""
    root = source.data_root()
    if root.exists() and not os.access(root, os.W_OK):
        root = source.downloads()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{root}: cannot be made ({error.strerror}); set DCGAN_DATA to a folder that can be written") from None
    print(f"{name}: not under {source.data_root()}; downloading it to {root}", file=sys.stderr)
    try:
        if name == TINY:
            _fetch(published.TINY_URL, root / published.TINY_URL.rpartition("/")[2])
        else:
            torchvision_sets.fetch(name, root)
    except Exception as error:  # torchvision raises whatever its network layer raises
        raise UserError(f"{name}: not found and not downloaded ({reason(error)}); {published.how_to_get(name)}") from None


def _fetch(url: str, to: Path) -> None:
    """Tiny-ImageNet's zip, under its name only when whole and the published one. Raises ValueError where it is another."""
    md5 = hashlib.md5(usedforsecurity=False)
    bar = tqdm(total=published.TINY_BYTES, desc=to.name, unit="B", unit_scale=True, leave=False, delay=2)
    with replacing(to) as unfinished:
        with urllib.request.urlopen(url, timeout=60) as response, open(unfinished, "wb") as file, bar:
            while block := response.read(1 << 20):
                md5.update(block)
                file.write(block)
                bar.update(len(block))
        if unfinished.stat().st_size != published.TINY_BYTES or md5.hexdigest() != published.TINY_MD5:
            size = unfinished.stat().st_size
            raise ValueError(f"{size:,} bytes with MD5 {md5.hexdigest()}, not the {published.TINY_BYTES:,} as published")
