"""Statistics: from a `Log` to tables of figures. `results.Results` holds all of them."""
