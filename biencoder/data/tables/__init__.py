"""Reads arguments that people keep as tables.

`formats` and `delimited` read files into a `Table` of cells, `columns` says what a column is,
`labels` which rows are no pairs, `pairs` makes raw pairs of rows; `beir` and `files` know how
tables lie in a folder, `splits` what belongs to training, validation and test.
"""
