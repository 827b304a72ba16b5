"""The Helm chart, rendered with every CI values file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Route

from services.console import passwords
from shared import db, topics, web
from tests.contract.test_deploy import SETTINGS
from tests.deploy import tools
from tests.deploy.tools import CHART, ROOT, Object, environment, one, pods
from tests.integration.process.test_metrics import build
from tests.support import stack

pytestmark = [tools.needed, pytest.mark.timeout(900)]
VALUES = list(tools.values_of_ci())
SERVICES = [name for name in SETTINGS if name != "demo"]
CUSTOM = ("keda.sh/", "monitoring.coreos.com/")
PRESTOP, STATEMENT, STOP = 5, 30, 10
OUTSIDE = {
    "listen": re.compile("/v1/sources.*"),
    "collect": re.compile("/v1/silence"),
    "close": re.compile("/v1/.*"),
    "console": re.compile("(?!)"),
}
"""Services that those outside reach, and which of their paths are for operators and programs."""

SECRETS = {
    "console_users": json.dumps({"ada": passwords.hashed("correct horse battery")}),
    "api_tokens": "{}",
    "channel_secrets": '{"ordering-team": "s"}',
    "source_secrets": "{}",
    "smtp_url": "smtp://mail:25",
    "postgres_dsn": "postgresql://touchback@db/touchback",
}


@pytest.mark.parametrize("name", VALUES)
def test_it_renders_and_helm_warns_of_nothing(chart: Object, name: str) -> None:
    assert isinstance(chart["objects"][name], list), chart["objects"][name]
    assert chart["lint"][name]["errors"] == []
    assert [m for m in chart["lint"][name]["messages"] if m["severity"] > 1] == []


def test_every_object_fits_kubernetes_and_no_field_is_unknown(
    chart: Object, tmp_path: Path
) -> None:
    ours = {
        json.dumps(each, sort_keys=True): each
        for objects in chart["objects"].values()
        for each in objects
        if not each["apiVersion"].startswith(CUSTOM)
    }
    file = tmp_path / "all.yaml"
    file.write_text(tools.manifest(list(ours.values())))
    said = tools.run("kubernetes-validate", "--strict", file)
    told = [line for line in said.splitlines() if line]
    assert len(told) == len(ours) > 60
    assert [line for line in told if not line.startswith("INFO")] == []


def test_objects_of_keda_and_prometheus_fit_their_models(chart: Object) -> None:
    custom = [
        each
        for objects in chart["objects"].values()
        for each in objects
        if each["apiVersion"].startswith(CUSTOM)
    ]
    assert {each["kind"] for each in custom} >= {
        "ScaledObject",
        "TriggerAuthentication",
        "PodMonitor",
    }
    tools.run("python", "tests/deploy/crds.py", given=json.dumps(custom))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replica": 3}, "replica"),
        ({"services": {"listn": {}}}, "listn"),
        ({"service": {"replicas": 0}}, "minimum"),
        ({"services": {"ask": {"autoscaling": {"by": "lag", "min": 0}}}}, "min"),
        ({"services": {"ask": {"autoscaling": {"by": "lag", "max": 7}}}}, "6 partitions"),
        ({"services": {"listen": {"autoscaling": {"by": "lag"}}}}, "name the topics"),
        ({"services": {"ask": {"autoscaling": {"by": "cpu", "min": 5}}}}, "below min"),
        ({"kafka": {"securityProtocol": "SASL_PLAINTEXT"}}, "securityProtocol"),
        ({"kafka": {"securityProtocol": "SASL_SSL"}}, "saslUsername"),
        ({"terminationGracePeriodSeconds": 30}, "terminationGracePeriodSeconds"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
    ],
)
def test_values_that_could_not_work_are_refused(values: Object, complaint: str) -> None:
    found = tools.render({"wrong": values})["objects"]["wrong"]
    assert isinstance(found, str)
    assert complaint in found


def closed(schema: Any) -> bool:
    """Whether no object of a schema takes names it does not list."""
    if isinstance(schema, list):
        return all(map(closed, schema))
    if not isinstance(schema, dict):
        return True
    return all(map(closed, schema.values())) and (
        "properties" not in schema
        or schema.get("type") != "object"
        or schema.get("additionalProperties") is False
    )


def test_the_schema_knows_every_value_and_takes_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert closed(schema)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)


@pytest.mark.parametrize("name", VALUES)
def test_every_container_is_restricted(chart: Object, name: str) -> None:
    """Pod Security `restricted`, and what it does not ask for: a read-only root, limits."""
    found = pods(chart["objects"][name])
    assert len(found) == len(SERVICES) + 1
    for pod in found.values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert {*pod} & {"hostNetwork", "hostPID", "hostIPC", "initContainers"} == set()
        for container in pod["containers"]:
            held = container["securityContext"]
            assert held["allowPrivilegeEscalation"] is False
            assert held["readOnlyRootFilesystem"] is True
            assert held["capabilities"] == {"drop": ["ALL"]}
            assert held["seccompProfile"] == {"type": "RuntimeDefault"}
            assert held["runAsUser"] > 10_000
            assert container["resources"]["limits"]["memory"]
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= {"configMap", "emptyDir", "projected"}


def test_one_image_runs_everything_and_each_under_an_account_of_its_own(
    objects: list[Object],
) -> None:
    found = pods(objects)
    assert {pod["containers"][0]["image"] for pod in found.values()} == {"touchback:0.1.0"}
    accounts = {pod["serviceAccountName"] for pod in found.values()}
    assert len(accounts) == len(found)
    for account in accounts:
        assert one(objects, "ServiceAccount", account)["automountServiceAccountToken"] is False
    for name in SERVICES:
        assert found[f"touchback-{name}"]["containers"][0]["args"] == [name, "run"]


def test_a_digest_wins_over_the_tag(chart: Object) -> None:
    (image,) = {pod["containers"][0]["image"] for pod in pods(chart["objects"]["image"]).values()}
    assert re.fullmatch(r"ghcr\.io/example/touchback:0\.1\.0@sha256:[0-9a-f]{64}", image)


def test_probes_are_split(objects: list[Object]) -> None:
    """Liveness never looks at Kafka or PostgreSQL; people are not sent away because Kafka is."""
    for name in SERVICES:
        container = pods(objects)[f"touchback-{name}"]["containers"][0]
        paths = {
            kind: container[f"{kind}Probe"]["httpGet"]["path"]
            for kind in ("startup", "liveness", "readiness")
        }
        inward = name in ("ask", "route")
        assert paths == {
            "startup": "/health/live",
            "liveness": "/health/live",
            "readiness": "/health/ready" if inward else "/health/serving",
        }


def test_a_stop_is_given_longer_than_the_slowest_handler(objects: list[Object]) -> None:
    assert (STATEMENT, STOP) == (db.COMMAND_TIMEOUT, stack.STOP_WITHIN)
    for name in SERVICES:
        pod = pods(objects)[f"touchback-{name}"]
        container = pod["containers"][0]
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == PRESTOP
        assert pod["terminationGracePeriodSeconds"] > PRESTOP + STATEMENT + STOP


@pytest.mark.parametrize("values", VALUES)
def test_each_service_takes_the_settings_it_is_given(
    chart: Object, values: str, tmp_path: Path
) -> None:
    (tmp_path / "catalog").mkdir()
    for name in SERVICES:
        pod = pods(chart["objects"][values])[f"touchback-{name}"]
        for file in mounted(pod):
            (tmp_path / file).write_text(SECRETS.get(file, "k" * 40))
        of_the_image = {"TOUCHBACK_CATALOG": str(tmp_path / "catalog")}
        settings = SETTINGS[name].load(of_the_image | environment(pod, tmp_path))
        assert settings.kafka_partitions >= 6


def mounted(pod: Object) -> dict[str, tuple[str, str]]:
    """Name of a file -> Secret and key that it comes from."""
    (volume,) = (each for each in pod["volumes"] if each["name"] == "secrets")
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def test_a_pod_is_given_its_own_secrets_and_no_others(objects: list[Object]) -> None:
    found = {name: mounted(pod) for name, pod in pods(objects).items()}
    for key, holders in {
        "pii_keys": {"listen", "ask", "migrate"},
        "smtp_url": {"ask", "route", "migrate"},
        "channel_secrets": {"ask", "route", "migrate"},
        "source_secrets": {"listen", "migrate"},
        "api_token": {"console", "migrate"},
        "console_users": {"console", "migrate"},
    }.items():
        assert {name.split("-")[1] for name, files in found.items() if key in files} == holders, key
    of_the_database = {files["postgres_dsn"][1] for files in found.values()}
    assert of_the_database == {f"postgres_dsn_{name}" for name in (*SERVICES, "migrate")}
    for pod in pods(objects).values():
        named = {v for k, v in environment(pod).items() if k.endswith("_FILE")}
        assert named == {f"/run/secrets/{name}" for name in mounted(pod)}


def test_secrets_may_stand_elsewhere(chart: Object) -> None:
    found = pods(chart["objects"]["secrets-elsewhere"])
    assert mounted(found["touchback-ask"])["link_keys"] == ("keys-of-links", "current")
    assert mounted(found["touchback-ask"])["postgres_dsn"] == ("ask-database", "dsn")
    assert mounted(found["touchback-route"])["postgres_dsn"] == ("feedback", "postgres_dsn_route")
    assert mounted(found["touchback-close"])["slack_signing_secret"][0] == "feedback"


def test_no_object_holds_a_secret(chart: Object) -> None:
    kinds = {each["kind"] for objects in chart["objects"].values() for each in objects}
    assert "Secret" not in kinds


def test_the_catalog_is_the_example_to_the_byte(objects: list[Object]) -> None:
    held = one(objects, "ConfigMap", "touchback-catalog")["data"]
    folder = ROOT / "deploy" / "catalog"
    files = {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*.yaml")}
    (volume,) = (
        each for each in pods(objects)["touchback-ask"]["volumes"] if each["name"] == "catalog"
    )
    items = {item["path"]: item["key"] for item in volume["configMap"]["items"]}
    assert {path: held[key] for path, key in items.items()} == files
    for pod in pods(objects).values():
        mounts = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "catalog"]
        assert "subPath" not in mounts[0]


def test_a_catalog_of_ours_is_mounted_with_its_surveys(chart: Object) -> None:
    objects = chart["objects"]["catalog-of-ours"]
    volume = pods(objects)["touchback-ask"]["volumes"][1]["configMap"]
    assert volume["name"] == "our-catalog"
    assert {"key": "surveys.put-right.yaml", "path": "surveys/put-right.yaml"} in volume["items"]
    assert not [e for e in objects if e["kind"] == "ConfigMap"]


def test_each_service_survives_a_node_that_is_drained(objects: list[Object]) -> None:
    for name in SERVICES:
        budget = one(objects, "PodDisruptionBudget", f"touchback-{name}")["spec"]
        deployment = one(objects, "Deployment", f"touchback-{name}")["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"] == deployment["selector"]
        assert deployment["replicas"] == 2
        assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        spread = deployment["template"]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]
        assert all(each["matchLabelKeys"] == ["pod-template-hash"] for each in spread)


def test_a_change_of_image_makes_another_migration_job(chart: Object) -> None:
    names = {
        next(e["metadata"]["name"] for e in chart["objects"][values] if e["kind"] == "Job")
        for values in ("default", "image")
    }
    assert len(names) == 2


def test_the_schemas_of_all_services_are_migrated(objects: list[Object]) -> None:
    (job,) = (each for each in objects if each["kind"] == "Job")
    (command,) = job["spec"]["template"]["spec"]["containers"][0]["args"]
    words = re.findall(r"for each in ([a-z ]+);", command)[0].split()
    assert sorted(words) == sorted(SERVICES)


def test_replicas_follow_the_lag_of_named_topics_and_go_slowly(chart: Object) -> None:
    objects = chart["objects"]["autoscaling-by-lag"]
    scaled = one(objects, "ScaledObject", "touchback-ask")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 12)
    behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behaviour["scaleDown"]["stabilizationWindowSeconds"] == 300
    asked = [trigger["metadata"] for trigger in scaled["triggers"]]
    assert {each["topic"] for each in asked} == {
        "touchback.signals",
        "touchback.profiles",
        "touchback.responses",
        "touchback.cases",
    }
    assert {each["consumerGroup"] for each in asked} == {"touchback.ask"}
    assert {each["offsetResetPolicy"] for each in asked} == {"earliest"}
    assert {(each["sasl"], each["tls"]) for each in asked} == {("scram_sha512", "enable")}
    assert "replicas" not in one(objects, "Deployment", "touchback-ask")["spec"]
    assert "replicas" in one(objects, "Deployment", "touchback-close")["spec"]


def test_scaling_by_cpu_goes_as_slowly(chart: Object) -> None:
    scaler = one(
        chart["objects"]["autoscaling-by-cpu"], "HorizontalPodAutoscaler", "touchback-collect"
    )
    (metric,) = scaler["spec"]["metrics"]
    # Of a core: a percentage of the small request would ask for more at the first page.
    assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": "800m"}
    assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert scaler["spec"]["scaleTargetRef"]["name"] == "touchback-collect"


def leads(rules: list[Object], path: str) -> bool:
    """Whether an Ingress with these paths passes a request for this one on."""
    return any(
        path == rule["path"]
        or (rule["pathType"] == "Prefix" and path.startswith(rule["path"].rstrip("/") + "/"))
        for rule in rules
    )


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_for_those_outside_is_led_in_and_nothing_else_is(chart: Object, name: str) -> None:
    """Against the routes of the service: pages with all they load, but no probe and no metric."""
    ingress = one(chart["objects"]["ingress"], "Ingress", f"touchback-{name}")
    (rule,) = ingress["spec"]["rules"]
    app = build(name, "postgresql://nobody@127.0.0.1:1/none", ROOT / "deploy/catalog").application()
    routes = {route.path for route in app.routes if isinstance(route, Route)}
    inside = {path for path in routes if path in web.LOOKS or OUTSIDE[name].fullmatch(path)}
    assert routes > inside >= web.LOOKS
    assert {path for path in routes if leads(rule["http"]["paths"], path)} == routes - inside


def test_topics_that_a_service_is_scaled_by_are_those_it_reads() -> None:
    """Against the code, so that a topic that is added there is added here."""
    parts = (CHART / "templates/_helpers.tpl").read_text()
    known = dict(re.findall(r"^(\w+):\n  secrets: .*\n  topics: \[(.*)\]$", parts, re.MULTILINE))
    for name in SERVICES:
        source = (ROOT / "services" / name / "app.py").read_text()
        read = {getattr(topics, each) for each in re.findall(r"\btopics\.([A-Z]+)\b", source)}
        listed = {each for each in known[name].split(", ") if each}
        assert listed == read - {topics.DEAD_LETTERS}, name
