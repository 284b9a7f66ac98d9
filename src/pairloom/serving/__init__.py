"""A model behind HTTP, by SageMaker's container contract.

Bytes in, bytes out is `scoring.Scorer`; `application` puts it behind HTTP routes, `worker` runs these in a process,
`supervisor` keeps the processes alive and exchanges them when the model changes.
"""
