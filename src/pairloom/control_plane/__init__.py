"""SageMaker's API on one's own machine: the wire protocol, and one file per resource."""
