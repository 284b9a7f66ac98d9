"""AWS's wire protocol: which operation a request asks for, whether it may, what it says, and the answer's bytes.

Everything follows botocore's service models; nothing here knows what an operation does.
"""
