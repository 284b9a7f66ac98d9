"""The environment that clients get: the service's address and keys, and nothing of AWS's."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pairloom.client_environment import RunningService, client_variables, find_service
from pairloom.errors import UserError

SERVICE = RunningService("http://127.0.0.1:5555", "eu-north-1", "AKIDOFTHESERVICE", "secret/of+the%service")
OF_AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_PROFILE": "work",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_USE_FIPS_ENDPOINT": "true",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


def client_of(environment, code):
    """Run Python code in the environment and return the words it printed."""
    whole = environment | {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=whole, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_nothing_of_aws_is_left(folder):
    found = client_variables(SERVICE, folder, OF_AWS | {"AWS_MAX_ATTEMPTS": "2", "TEAM": "films"})
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == (
        SERVICE.access_key_id,
        SERVICE.secret_access_key,
    )
    assert found["AWS_ENDPOINT_URL"] == SERVICE.url
    assert (found["AWS_REGION"], found["AWS_DEFAULT_REGION"]) == ("eu-north-1", "eu-north-1")
    assert {*OF_AWS} & {*found} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert (found["AWS_MAX_ATTEMPTS"], found["TEAM"]) == ("2", "films")


def test_files_are_private_and_hold_every_profile_of_the_user(folder, tmp_path):
    home = tmp_path / ".aws"
    home.mkdir()
    (home / "config").write_text(
        "[default]\nregion = us-west-2\n[profile work]\nrole_arn = arn:aws:iam::1:role/x\n"
    )
    (home / "credentials").write_text("[home]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n")
    found = client_variables(SERVICE, folder, {"HOME": str(tmp_path), "AWS_PROFILE": "third"})
    keys = configparser.RawConfigParser()
    keys.read(found["AWS_SHARED_CREDENTIALS_FILE"])
    assert {*keys.sections()} == {"default", "work", "home", "third"}
    assert {keys[name]["aws_access_key_id"] for name in keys.sections()} == {SERVICE.access_key_id}
    for file in (found["AWS_SHARED_CREDENTIALS_FILE"], found["AWS_CONFIG_FILE"]):
        assert Path(file).stat().st_mode & 0o777 == 0o600
        assert "AKIAREAL" not in Path(file).read_text()


def test_files_of_the_user_that_cannot_be_read_do_no_harm(folder, tmp_path):
    (tmp_path / "config").write_bytes(b"\xff\xfe no section\n")
    found = client_variables(
        SERVICE, folder, {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}
    )
    assert found["AWS_CONFIG_FILE"].startswith(str(folder))


def test_a_profile_by_name_has_the_keys_of_the_service(folder, tmp_path):
    found = client_variables(SERVICE, folder, {"HOME": str(tmp_path), "AWS_PROFILE": "work"})
    code = """
import boto3
session = boto3.Session(profile_name="work")
print(session.get_credentials().secret_key, session.region_name, session.client("s3").meta.endpoint_url)
"""
    assert client_of(found, code) == [SERVICE.secret_access_key, "eu-north-1", SERVICE.url]


def test_addresses_of_aws_that_a_program_names_become_the_service(folder, tmp_path):
    found = client_variables(SERVICE, folder, {"HOME": str(tmp_path)})
    code = """
import boto3
def url(service, **more): print(boto3.client(service, **more).meta.endpoint_url)
url("sts", endpoint_url="https://sts.us-west-2.amazonaws.com", region_name="us-west-2")
url("sts", endpoint_url="https://sts.cn-north-1.amazonaws.com.cn")
url("s3", endpoint_url="https://notamazonaws.com")
url("s3", endpoint_url="http://127.0.0.1:9000")
"""
    assert client_of(found, code) == [
        SERVICE.url,
        SERVICE.url,
        "https://notamazonaws.com",
        "http://127.0.0.1:9000",
    ]


def test_a_sitecustomize_of_the_user_still_runs(folder, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.mine = __name__\n")
    found = client_variables(SERVICE, folder, {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)})
    assert client_of(found, "import sitecustomize; print(mine, sitecustomize.__file__)") == [
        "sitecustomize",
        str(tmp_path / "sitecustomize.py"),
    ]


def test_python_without_botocore_starts_as_ever(folder, tmp_path):
    found = client_variables(SERVICE, folder, {"HOME": str(tmp_path)})
    code = """
import sys
try:
    import botocore.nothing
except ImportError:
    print("ImportError")
print("boto3" in sys.modules)
"""
    assert client_of(found, code) == ["ImportError", "False"]


def test_proxies_are_not_asked_for_the_service(folder):
    found = client_variables(SERVICE, folder, {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intern"})
    assert found["NO_PROXY"] == "intern,127.0.0.1,localhost"


def test_telemetry_is_off_unless_the_user_has_settings_of_his_own(folder):
    ours = client_variables(SERVICE, folder, {})["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"]
    assert "TelemetryOptOut: true" in Path(ours).read_text()
    theirs = client_variables(SERVICE, folder, {"SAGEMAKER_ADMIN_CONFIG_OVERRIDE": "/etc/mine.yaml"})
    assert theirs["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] == "/etc/mine.yaml"


def test_the_service_is_found(announced):
    found = find_service(announced.data)
    assert (found.url, found.region) == (announced.url, "eu-north-1")
    assert (found.access_key_id, found.secret_access_key) == ("AKIDOFTHESERVICE", "secret/of+the%service")
    assert found.secret_access_key not in repr(found)


@pytest.mark.parametrize(
    "wrong", ["", "[]", "{}", '{"url": "http://127.0.0.1:1", "region": "eu-north-1"}', '{"url": 3}']
)
def test_without_a_service_the_error_says_what_to_do(announced, wrong):
    (announced.data / "service.json").write_text(wrong)
    with pytest.raises(UserError, match=r"pairloom up --data .*--up"):
        find_service(announced.data)
