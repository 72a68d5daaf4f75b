"""The plots of the study, one a module; each is None where nothing was measured."""
