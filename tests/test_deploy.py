"""The compose file, which can't be run where there is no container engine."""

import pathlib
import re

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_only_the_web_server_is_reached_and_from_this_machine_alone():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8080:80"]


def test_images_have_a_version_and_files_are_only_read():
    for service in SERVICES.values():
        assert re.fullmatch(r"[\w/]+:\d+\.\d+[\w.-]*", service["image"])
        assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_the_web_server_passes_requests_on_to_the_other_service():
    (passed_on,) = re.findall(r"proxy_pass http://(\w+):8501;", (DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
    assert passed_on in SERVICES and SERVICES[passed_on]["environment"]["MODEL_NAME"] == "integrator"
    mounted = [volume.split(":")[0] for volume in SERVICES["explorer"]["volumes"]]
    assert (DEPLOY / mounted[1]).is_file()
