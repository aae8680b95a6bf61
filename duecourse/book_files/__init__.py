"""Files that hold a loan book: readers of CSV, JSON Lines, Parquet and Lending Club's published loans."""
