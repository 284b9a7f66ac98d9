"""Which service a request is for, and which of its operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import Operation, WireService, wire_service
from pairloom.control_plane.wire.request import RequestHead

__all__ = ["S3", "Target", "likely_service", "named_operation", "service_of"]

S3 = "s3"
BY_SCOPE = {
    "sagemaker": ("sagemaker", "sagemaker-runtime", "sagemaker-metrics"),
    "s3": (S3,),
    "sts": ("sts",),
    "iam": ("iam",),
    "logs": ("logs",),
    "monitoring": ("cloudwatch",),
    "application-autoscaling": ("application-autoscaling",),
}
"""Services by the name in the scope of a signature."""
BY_TARGET = {
    "SageMaker": "sagemaker",
    "Logs_20140328": "logs",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AnyScaleFrontendService": "application-autoscaling",
}
"""Services by the prefix of X-Amz-Target."""
BY_HOST = {
    "runtime.sagemaker": "sagemaker-runtime",
    "metrics.sagemaker": "sagemaker-metrics",
    "api.sagemaker": "sagemaker",
    "sts": "sts",
    "iam": "iam",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "application-autoscaling": "application-autoscaling",
}
REST = ("sagemaker-runtime", "sagemaker-metrics")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for.

    Parameters
    ----------
    service : WireService
    operation : Operation
    labels : mapping
        Values that stood in the path.
    """

    service: WireService
    operation: Operation
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def service_of(head: RequestHead, scope_name: str | None) -> str:
    """Name the service of a request, as botocore does; what says nothing is for S3.

    Parameters
    ----------
    head : RequestHead
    scope_name : str, optional
        Service in the scope of the signature; absent on an unsigned request, which is refused in the words of the
        service that this finds.

    Raises
    ------
    AwsError
        If the scope names a service that is not spoken here.
    """
    target = BY_TARGET.get(head.header("x-amz-target").partition(".")[0])
    if scope_name is None:
        return target or likely_service(head)
    among = BY_SCOPE.get(scope_name)
    if among is None:
        offered = ", ".join(sorted(BY_SCOPE))
        raise AwsError(
            "UnknownService", f"Pairloom does not offer '{scope_name[:64]}'. It offers {offered}.", 404
        )
    if target is not None and target in among:
        return target
    return _rest_service(head, among) or among[0]


def likely_service(head: RequestHead) -> str:
    """Tell which service a request looks like that names none, to refuse it in words that its client reads."""
    host = head.header("host").partition(".amazonaws.com")[0]
    for prefix, service_id in BY_HOST.items():
        if host.startswith(prefix + "."):
            return service_id
    if head.header("content-type").startswith(FORM):
        return "sts"
    if head.header("x-amz-target"):
        return "sagemaker"
    return _rest_service(head, REST) or S3


def _rest_service(head: RequestHead, among: tuple[str, ...]) -> str | None:
    return next((each for each in among if each in REST and wire_service(each).route(head)), None)


def named_operation(service: WireService, head: RequestHead, form: Mapping[str, str]) -> Target:
    """Find the operation.

    Parameters
    ----------
    service : WireService
    head : RequestHead
    form : mapping
        Fields of a query-protocol body, else empty.

    Raises
    ------
    AwsError
        ``UnknownOperationException`` or ``InvalidAction`` if AWS has no such operation.
    """
    if service.protocol.startswith("rest-"):
        if found := service.route(head):
            return Target(service, *found)
        raise AwsError(
            "UnknownOperationException",
            f"{service.id} has no operation {head.method} {head.path[:200]}.",
            404,
        )
    if form or service.protocol == "query":
        name = form.get("Action", "")
    else:
        name = head.header("x-amz-target").partition(".")[2]
    model = service.operation(name)
    if model is None:
        code = "InvalidAction" if service.protocol == "query" else "UnknownOperationException"
        raise AwsError(code, f"{service.id} has no operation '{name[:128]}'.")
    return Target(service, model)
