"""What several pages share: theme, texts, caches, charts of ECG paper, one browser session."""
