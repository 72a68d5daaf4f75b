"""Pages that show matches: a person believes what can be looked at."""
