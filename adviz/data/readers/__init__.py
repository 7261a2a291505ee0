"""One reader for each kind of tree that data sets come in."""
