"""The DCGAN paper (Radford, Metz, Chintala 2015), runnable: nets, training, and the paper's experiments."""

__version__ = "0.1.0"
