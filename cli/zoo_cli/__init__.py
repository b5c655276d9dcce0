"""The ``zoo`` command: parsing and printing only."""
