"""Outside a job: lay out its ``/opt/ml``, launch it, watch it, collect what it leaves. Imports no algorithm.

`shim`, `feeding` and what they import use the standard library alone: they start in tens of milliseconds, one small
process beside each job, and go on when whoever launched them is gone.
"""
