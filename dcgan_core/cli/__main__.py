"""`python -m dcgan_core.cli`, and so `torchrun -m dcgan_core.cli`: the same as `dcgan`."""

import sys

from dcgan_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
