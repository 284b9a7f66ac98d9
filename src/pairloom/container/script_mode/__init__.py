"""Script mode: an entry point of somebody's own, run in the surroundings that SageMaker's training toolkit makes.

``python -m pairloom.container.script_mode``, in a job whose hyperparameters name ``sagemaker_program``.
"""
