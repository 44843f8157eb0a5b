"""Forward and backward passes: plain, by gradient cache, gathered over processes, at several widths."""
