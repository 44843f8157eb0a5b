"""Parquet files: looked over before they are read, so that none takes memory that its bytes do not account for."""

from hardneg.parquet.look import ParquetProblem, look_over
from hardneg.parquet.read import parquet_problems, read_parquet, scan_parquet

__all__ = ["ParquetProblem", "look_over", "parquet_problems", "read_parquet", "scan_parquet"]
