"""What every generation of the SDK asks STS for, by an address of its own: the account's bucket and the role."""

import json

import boto3
import sagemaker

try:
    session, role = sagemaker.Session(), sagemaker.get_execution_role()
except AttributeError:
    from sagemaker.core.helper.session_helper import Session, get_execution_role

    session = Session()
    role = get_execution_role(session)
sts = boto3.client("sts", region_name="eu-west-1", endpoint_url="https://sts.eu-west-1.amazonaws.com")
print(
    "\n"
    + json.dumps(
        {
            "bucket": session.default_bucket(),
            "role": role,
            "account": sts.get_caller_identity()["Account"],
            "profile": boto3.Session(profile_name="default").client("sts").get_caller_identity()["Account"],
        }
    )
)
