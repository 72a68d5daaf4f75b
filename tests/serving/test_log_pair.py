"""What the MLflow model answers is compared with the pair it was made from."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from PIL import Image

from qk_iteration import load_pair
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.serving import image_bytes
from qk_iteration.serving.log_pair import log_pair

CONFIG = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
JSON = "application/json"


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def body_of(*images, **others):
    return json.dumps({"dataframe_records": [{"image": i} for i in images]} | others)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qk")
    for side, seed in (("query", 0), ("key", 1)):
        model = DescriptorModel(CONFIG.model_copy(update={"seed": seed}))
        save_model(model, folder / f"{side}_model")
    return folder


@pytest.fixture(scope="module")
def logged(folder, tmp_path_factory):
    """The address of the registered model, and of the store it is in."""
    store = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{store}/mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment("test", artifact_location=str(store / "a"))
    with mlflow.start_run(experiment_id=experiment):
        address = log_pair(folder, registered_name="copies", alias="newest")
    yield address, uri, store, experiment
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def model(logged):
    return mlflow.pyfunc.load_model(logged[0])


def ask(model, body, content_type=JSON):
    answer = scoring_server.invocations(
        body, content_type, model, model.metadata.get_input_schema()
    )
    return answer.status, answer.response


def newest_version():
    client = mlflow.MlflowClient()
    return str(client.get_model_version_by_alias("copies", "newest").version)


def test_a_pair_is_registered_under_its_alias_once(logged, folder):
    assert logged[0] == "models:/copies@newest"
    assert newest_version() == "1"
    assert log_pair(folder, registered_name="copies", alias="newest") == logged[0]
    assert mlflow.active_run() is None
    assert newest_version() == "1"


def test_another_pair_takes_the_alias_over(logged, folder, tmp_path):
    for side in ("query", "key"):
        save_model(
            DescriptorModel(CONFIG.model_copy(update={"seed": 2})),
            tmp_path / f"{side}_model",
        )
    with mlflow.start_run(experiment_id=logged[3]):
        log_pair(tmp_path, registered_name="copies", alias="newest")
    assert newest_version() == "2"
    with mlflow.start_run(experiment_id=logged[3]):
        log_pair(folder, registered_name="copies", alias="newest")
    assert newest_version() == "3"


@pytest.mark.parametrize("side", ["query", "key"])
def test_image_files_are_answered_with_the_sides_descriptors(folder, model, side):
    body = body_of(*map(encoded, PIXELS), params={"side": side})
    status, text = ask(model, body)
    expected = getattr(load_pair(folder), side).describe(list(PIXELS))
    assert status == 200
    np.testing.assert_allclose(json.loads(text)["predictions"], expected, atol=1e-5)


def test_without_a_side_the_query_model_answers(folder, model):
    _, text = ask(model, body_of(encoded(PIXELS[0])))
    expected = load_pair(folder).query.describe(PIXELS[0])
    np.testing.assert_allclose(json.loads(text)["predictions"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "others", "message"),
    [
        ([encoded(PIXELS[0])[:200]], {}, "Image 0: It cannot be decoded"),
        ([base64.b64encode(b"no image").decode()], {}, "Image 0: It must be an image"),
        (["§"], {}, "Image 0 must be the bytes of an image file in base64"),
        ([encoded(PIXELS[0]), "?"], {}, "Image 1 must be the bytes"),
        ([encoded(PIXELS[0])], {"params": {"side": "left"}}, "side must be query or"),
        ([], {}, "at least one image|Failed|Model is missing"),
        (["A" * (50 << 20)], {}, "at most 32 MiB together; got 38 MiB"),
    ],
)
def test_a_bad_request_is_the_askers_fault_in_one_sentence(
    model, images, others, message
):
    with pytest.raises(MlflowException, match=message) as caught:
        ask(model, body_of(*images, **others))
    assert caught.value.get_http_status_code() == 400


def test_a_body_of_another_kind_is_refused(model):
    status, text = ask(model, b"\x89PNG", "image/png")
    assert status == 415
    assert "only supports the following content types" in text


def test_many_small_images_may_not_add_up_either(monkeypatch):
    monkeypatch.setattr(image_bytes, "MAX_BYTES", 3000)
    text = encoded(PIXELS[0][:20, :10])
    assert len(image_bytes.read_images([text])) == 1
    with pytest.raises(ValueError, match="Send fewer"):
        image_bytes.read_images([text] * 50)


def test_the_model_has_exact_requirements_and_no_pickle(logged):
    path = mlflow.artifacts.download_artifacts(logged[0])
    files = {name for _, _, names in os.walk(path) for name in names}
    assert "weights.safetensors" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt"))]
    with open(os.path.join(path, "requirements.txt"), encoding="utf-8") as file:
        lines = file.read().split()
    assert lines
    assert all("==" in line and "+" not in line for line in lines)


def test_the_server_answers_on_loopback(logged, folder):
    address, uri, store, _ = logged
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", address]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    programs, path = os.path.dirname(sys.executable), os.environ["PATH"]
    server = subprocess.Popen(
        command,
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PATH": f"{programs}:{path}"},
        cwd=store,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        url = f"http://127.0.0.1:{port}/invocations"
        for side in ("query", "key"):
            body = body_of(*map(encoded, PIXELS), params={"side": side})
            status, text = post(url, body)
            assert status == 200
            expected = getattr(load_pair(folder), side).describe(list(PIXELS))
            np.testing.assert_allclose(
                json.loads(text)["predictions"], expected, atol=1e-5
            )
        for body, content_type, status, sentence in (
            (body_of(encoded(PIXELS[0])[:200]), JSON, 400, "It cannot be decoded"),
            (body_of("?"), JSON, 400, "must be the bytes of an image file in base64"),
            ("x", "image/png", 415, "only supports the following content types"),
            (body_of("A" * (50 << 20)), JSON, 400, "at most 32 MiB together"),
        ):
            answer = post(url, body, content_type)
            assert answer[0] == status
            assert sentence in answer[1]
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def wait_for(url, server):
    for _ in range(1500):
        assert server.poll() is None
        try:
            urllib.request.urlopen(url, timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the server does not answer")


def post(url, body, content_type=JSON):
    request = urllib.request.Request(
        url, data=body.encode(), headers={"Content-Type": content_type}
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
