"""What kedro viz draws is compared with the line that the project is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LAYERS = ["raw", "intermediate", "primary", "feature", "models"]
LAYERS += ["model_output", "reporting"]
DRAW = """
import json, sys
from pathlib import Path
from kedro_viz.api.rest.responses.pipelines import get_pipeline_response
from kedro_viz.data_access import data_access_manager
from kedro_viz.server import load_and_populate_data

load_and_populate_data(Path.cwd(), False, None, None)
drawn = {}
for pipeline in data_access_manager.registered_pipelines.as_list():
    told = get_pipeline_response(pipeline.id)
    nodes = [(node.type, node.name, getattr(node, "layer", "")) for node in told.nodes]
    drawn[pipeline.id] = {"layers": told.layers, "nodes": nodes}
print("DRAWN" + json.dumps(drawn))
"""


@pytest.fixture(scope="module")
def drawn():
    """By pipeline, the layers and the nodes."""
    path = os.pathsep.join([str(PROJECT / "src"), *sys.path])
    result = subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert "Circular dependency" not in result.stdout + result.stderr
    return json.loads(result.stdout.rpartition("DRAWN")[2])


@pytest.mark.parametrize("pipeline", ["train", "simclr", "moco", "floors"])
def test_layers_stand_in_the_order_of_the_line(drawn, pipeline):
    # One cycle among layers, and kedro viz draws none of them.
    assert drawn[pipeline]["layers"] == LAYERS


def test_every_dataset_has_a_layer_and_everything_a_name(drawn):
    for pipeline in drawn.values():
        for kind, name, layer in pipeline["nodes"]:
            assert name
            assert kind != "data" or layer, name


def test_stages_are_boxes_that_open(drawn):
    boxes = [
        name for kind, name, _ in drawn["train"]["nodes"] if kind.startswith("mod")
    ]
    assert boxes == ["data_preparation", "negative_bank", "qk"]
