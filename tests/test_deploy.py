"""The examples of clusters against the schemas of those who read them."""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.main import get_command

from hardneg.cli.app import app

DEPLOY = Path(__file__).parents[1] / "deploy"
TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def fields(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def several(items):
    return {"type": "array", "items": items, "minItems": 1}


# What of the API of KubeRay (ray.io/v1) and of the pods of Kubernetes an example may use.
CONTAINER = fields(
    ["name", "image", "resources"],
    name=TEXT,
    image=TEXT,
    resources=fields(requests=TEXTS, limits=TEXTS),
    volumeMounts=several(fields(["name", "mountPath"], name=TEXT, mountPath=TEXT)),
)
POD = fields(
    ["spec"],
    spec=fields(
        ["containers"],
        containers=several(CONTAINER),
        terminationGracePeriodSeconds=NUMBER,
        tolerations=several(fields(key=TEXT, operator={"enum": ["Exists", "Equal"]}, value=TEXT, effect=TEXT)),
        volumes=several(
            fields(["name"], name=TEXT, persistentVolumeClaim=fields(["claimName"], claimName=TEXT)),
        ),
    ),
)
RAY_JOB = fields(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=fields(["name"], name={"type": "string", "pattern": "^[a-z0-9-]{1,47}$"}),
    spec=fields(
        ["entrypoint", "rayClusterSpec"],
        entrypoint=TEXT,
        backoffLimit=NUMBER,
        shutdownAfterJobFinishes=FLAG,
        ttlSecondsAfterFinished=NUMBER,
        rayClusterSpec=fields(
            ["headGroupSpec", "workerGroupSpecs"],
            rayVersion=TEXT,
            enableInTreeAutoscaling=FLAG,
            autoscalerOptions=fields(idleTimeoutSeconds=NUMBER, upscalingMode=TEXT),
            headGroupSpec=fields(["template"], rayStartParams=TEXTS, template=POD),
            workerGroupSpecs=several(
                fields(
                    ["groupName", "minReplicas", "maxReplicas", "template"],
                    groupName=TEXT,
                    replicas=NUMBER,
                    minReplicas=NUMBER,
                    maxReplicas=NUMBER,
                    rayStartParams=TEXTS,
                    template=POD,
                )
            ),
        ),
    ),
)


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.fixture(scope="module")
def job():
    return read("kuberay.yaml")


def test_the_cluster_of_machines_fits_the_schema_that_ray_up_checks():
    schema = Path(find_spec("ray").origin).parent / "autoscaler" / "ray-schema.json"
    cluster = read("ray-up.yaml")
    jsonschema.validate(cluster, json.loads(schema.read_text()))
    assert cluster["head_node_type"] in cluster["available_node_types"]
    mounts = [each.split(":")[-1] for each in cluster["docker"]["run_options"] if each.startswith("--volume")]
    assert mounts == ["/mnt/shared"]


def test_the_job_fits_what_kuberay_reads(job):
    jsonschema.validate(job, RAY_JOB)
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == version("ray")
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {each["name"] for each in pod["volumes"]}
        for container in pod["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == volumes
            assert container["resources"]["requests"] == container["resources"]["limits"]  # what Ray takes for its size


def test_a_field_that_nobody_reads_is_noticed(job):
    with pytest.raises(jsonschema.ValidationError, match="minReplica"):
        jsonschema.validate(json.loads(json.dumps(job).replace("minReplicas", "minReplica")), RAY_JOB)


def test_commands_of_the_examples_are_commands(job):
    comment = " ".join(line.lstrip("# ") for line in (DEPLOY / "ray-up.yaml").read_text().splitlines()[:2])
    for text in (job["spec"]["entrypoint"].partition("; ")[2], re.search(r"'(hardneg [^']*)'", comment)[1]):
        command, *arguments = text.split()[1:]
        parsed = get_command(app).commands[command].make_context(command, arguments)
        assert (parsed.params["engine"], parsed.params["workers"], parsed.params["grows"]) == ("ray", 20, True)


def test_all_use_one_image_whose_files_are_there():
    image = (DEPLOY / "Dockerfile").read_text()
    name = re.search(r"-t (REGISTRY/hardneg:\S+)", image)[1]
    for example in ("ray-up.yaml", "kuberay.yaml"):
        assert set(re.findall(r"image: (\S+)", (DEPLOY / example).read_text())) == {name}
    for line in re.findall(r"^COPY (.*) \./", image, re.MULTILINE):
        for source in line.split():
            assert (DEPLOY.parent / source).exists(), source
    assert name.endswith(version("hardneg"))
