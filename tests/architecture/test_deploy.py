"""What is deployed fits what is in the tree: services, units, image."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = REPOSITORY / "deploy" / "systemd"
WORKERS = {"sms", "push", "email", "inbox"}
PROCESSES = WORKERS | {"scheduler", "web"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads docker-compose.yml")
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return loaded


def test_every_process_is_a_service_and_waits_for_the_schema(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == PROCESSES | {"postgres", "redis", "rabbitmq", "migrate"}
    for name in PROCESSES:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert services[name]["depends_on"]["redis"] == {"condition": "service_healthy"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_every_lasting_service_has_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert (name == "migrate") or service["healthcheck"]["test"][0] == "CMD", name
    for name in PROCESSES:
        assert compose["services"][name]["healthcheck"]["test"][-2:] == ["deploy/healthcheck.py", name]


def test_a_worker_can_be_scaled(compose: dict[str, Any]) -> None:
    """A name or a port of the host would be taken by the first of them."""
    for name in WORKERS | {"scheduler"}:
        assert not {"container_name", "ports", "hostname"} & set(compose["services"][name]), name


def test_every_volume_and_dependency_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (REPOSITORY / source).exists(), source


def test_redis_keeps_what_it_is_told(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")


def test_rabbitmq_runs_only_where_it_is_asked_for(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if service.get("profiles")] == ["rabbitmq"]
    for name in PROCESSES:
        assert compose["services"][name]["environment"]["BROKER_URL"] == "${BROKER_URL:-}"
        assert "rabbitmq" not in compose["services"][name]["depends_on"]


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0,
    reason="the compose plugin is not here",
)
def test_docker_compose_accepts_the_file() -> None:
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_copies_what_exists_and_what_is_not_ignored() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().split()
    text = (REPOSITORY / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert {"duecourse", "channels", "workers", "config", "requirements.lock"} <= set(copied)
    for name in copied:
        assert (REPOSITORY / name).exists(), name
        assert name.split("/")[0] not in ignored, name


def commands() -> list[str]:
    return [
        line.removeprefix("ExecStart=")
        for unit in sorted(UNITS.glob("*.service"))
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=")
    ]


def test_there_is_a_unit_for_every_process() -> None:
    wanted = (UNITS / "duecourse.target").read_text()
    for name in WORKERS:
        assert f"duecourse-worker@{name}.service" in wanted
    assert "duecourse-scheduler@1.service" in wanted
    assert "duecourse-web.service" in wanted
    assert len(commands()) == 4


@pytest.mark.parametrize(("instance", "module"), [("sms", "workers.sms"), ("sms-2", "workers.sms")])
def test_a_numbered_worker_unit_runs_its_channel(instance: str, module: str) -> None:
    """The line as systemd passes it on: `%%` and `$$` are one each, `%i` is the instance."""
    line = next(line for line in commands() if "dramatiq" in line)
    line = re.sub(r"%(.)", lambda match: {"%": "%", "i": instance}[match[1]], line).replace("$$", "$")
    said = subprocess.run(
        ["/bin/sh", "-c", line.replace("exec /opt/duecourse/.venv/bin/dramatiq", "echo")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.split()[0] == module


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for source in UNITS.rglob("*"):
        if source.is_file():
            copy = tmp_path / source.relative_to(UNITS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(source.read_text().replace("/opt/duecourse/.venv/bin", str(Path(sys.executable).parent)))
    for template in tmp_path.glob("*@.service"):
        shutil.copy(template, tmp_path / template.name.replace("@", "@sms"))
    names = [str(path) for path in sorted(tmp_path.glob("*")) if path.is_file() and "@." not in path.name]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--generators=no", *names],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "duecourse" in line or str(tmp_path) in line]
    assert ours == []
