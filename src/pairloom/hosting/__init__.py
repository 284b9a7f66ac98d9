"""Models kept answering: worker processes of `pairloom.serving`, and what stands between them and a caller.

`worker` runs one process, `pool` keeps as many as a variant wants, `traffic` chooses among variants, `capture` writes
down what was asked and answered, `autoscaling` decides how many workers a load wants. Nothing here knows of a
database, of AWS or of a wire protocol.
"""
