"""How good are samples? Features and detectors come in as arguments."""
