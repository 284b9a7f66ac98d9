"""Who a request is from: AWS Signature Version 4, in headers and in queries, verified before a body is parsed."""
