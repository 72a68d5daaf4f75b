"""Benchmarks in DISC21's shape, made of images that ordinary packages bring.

A benchmark is written down as a manifest: which frame of which file plays which part.
`build_benchmark` turns a manifest into folders, the same on every machine.
`tools/curation` chose the images of the built-in manifest; only maintainers run it.
"""
