"""A person's own pictures: which of them are copies, of which others.

``find_copies`` searches a folder, ``open_collection`` asks what it has left for single
pictures. Nothing here deletes, moves or changes a picture.
"""
