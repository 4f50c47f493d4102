"""Networks and their weights: they know arrays, not files of patients."""
