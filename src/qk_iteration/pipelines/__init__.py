"""The pipelines: nodes of a few lines over the core."""
