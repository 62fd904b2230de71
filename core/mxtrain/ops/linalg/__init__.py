"""Linear algebra on matrices and stacks of them: factorizations, triangular systems, determinants, diagonals."""
