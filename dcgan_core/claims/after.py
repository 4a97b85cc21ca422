"""After the paper (chapter 9): what it leaves open and popular accounts answer without a number. The book's own experiments.

Each rule was committed before its measurement. The parts of a part's row: `transfer` (9.1), `generator` (9.2), `classes` (9.3),
`regularisation` (9.4), `translation` (9.5).
"""

from dcgan_core.claims.claim import Claim

CLAIMS: list[Claim] = []
