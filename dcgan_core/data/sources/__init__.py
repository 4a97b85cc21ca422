"""How each kind of data set is read where it lies, one file a kind."""
