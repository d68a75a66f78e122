"""The page in a real browser: Chromium, headless, driven by Selenium."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import films
import numpy as np
import pytest
from PIL import Image

MISSING = [name for name in ("gradio", "selenium") if not importlib.util.find_spec(name)]
MISSING += [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")]

WAIT_S = 120
MODEL = "gan_d"
# Without those of the other lines, Chromium calls its maker's hosts at each start.
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "gandeblur", "app", "--no_browser", f"--model={MODEL}", "--most_bytes=200KiB"]
    command.append("--most_megapixels=1")
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        assert list(folder.iterdir())
        process.terminate()
    assert not list(folder.iterdir()), "pictures are left behind"


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (*CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path / "downloads")})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.implicitly_wait(WAIT_S)
        yield browser


def until(condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(None, WAIT_S).until(lambda _: condition())


def upload(browser, address, path):
    browser.get(address)
    browser.find_element("css selector", "input[type=file]").send_keys(str(path))
    until(lambda: path.name.split(".")[0] in browser.find_element("id", "photograph").text)


def restore(browser, address, path):
    upload(browser, address, path)
    browser.find_element("id", "restore").click()


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "holiday.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=91, dpi=(300, 300))
    return path


def test_upload_compare_download(browser, address, photograph, tmp_path):
    restore(browser, address, photograph)
    images = until(lambda: browser.find_elements("css selector", "#slider img[src]")[:2])
    assert len(images) == 2
    until(lambda: all(browser.execute_script("return arguments[0].naturalWidth", image) == 96 for image in images))

    from selenium import webdriver

    slider = browser.find_element("id", "slider")
    shown = slider.screenshot_as_png
    webdriver.ActionChains(browser).move_to_element(slider).click_and_hold().move_by_offset(150, 0).release().perform()
    assert slider.screenshot_as_png != shown  # more of the one picture, less of the other

    browser.find_element("id", "download").click()
    downloaded = tmp_path / "downloads" / "holiday.jpg"
    until(downloaded.exists)
    command = [sys.executable, "-m", "gandeblur", "restore", photograph, "-o", tmp_path / "out", f"--model={MODEL}"]
    subprocess.run(command, check=True)
    assert downloaded.read_bytes() == (tmp_path / "out" / "holiday.jpg").read_bytes()

    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if not name.startswith((address, "data:", "blob:"))] == []


def said(browser, words):
    return until(lambda: words in browser.find_element("tag name", "body").text)


def test_what_is_no_photograph_is_named_without_its_path(browser, address, tmp_path):
    path = tmp_path / "letter.jpg"
    path.write_text("Dear reader")
    restore(browser, address, path)
    said(browser, "letter.jpg: cannot be read")
    assert "/tmp" not in browser.find_element("tag name", "body").text


def test_a_film_is_refused_in_one_line(browser, address, tmp_path):
    pytest.importorskip("av")
    restore(browser, address, films.write(tmp_path / "clip.mp4", films.moving(3)))
    said(browser, "clip.mp4: a film; gandeblur restore restores it")


def test_limits_of_bytes_and_pixels(browser, address, tmp_path):
    Image.new("L", (2000, 600)).save(tmp_path / "wide.png")
    restore(browser, address, tmp_path / "wide.png")
    said(browser, "more than 1 million pixels")
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "heavy.png")
    browser.get(address)
    browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "heavy.png"))
    said(browser, "maximum")


def test_a_port_that_is_taken(address):
    command = [sys.executable, "-m", "gandeblur", "app", "--no_browser", f"--model={MODEL}"]
    port = address.rpartition(":")[2]
    done = subprocess.run([*command, f"--port={port}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"error: port {port}: taken; choose another by --port"


@pytest.mark.parametrize("path", ["/etc/hostname", __file__, "../../etc/hostname"])
def test_no_other_file_is_served(address, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{address}/gradio_api/file={path}")
    assert caught.value.code in (403, 404)
