"""Makes docs/images/app.png: the page of `gandeblur app`, where a photograph was restored.

    python docs/page.py

Needs Chromium and its driver, as the tests of the page do.
"""

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pictures import FOLDER, blurred
from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

WAIT_S = 300
SIZE_PX = (1300, 1360)
COLOURS = 256  # of a picture of a page


def shot(address: str, photograph: Path) -> bytes:
    """PNG of the page, when the photograph has been restored."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as browser:
        browser.set_window_size(*SIZE_PX)
        browser.implicitly_wait(WAIT_S)
        browser.get(address)
        browser.find_element("css selector", "input[type=file]").send_keys(str(photograph))
        wait = WebDriverWait(browser, WAIT_S)
        wait.until(lambda page: photograph.stem in page.find_element("id", "photograph").text)
        browser.find_element("id", "restore").click()
        images = "return [...document.querySelectorAll('#slider img')].filter(image => image.naturalWidth).length"
        wait.until(lambda page: page.execute_script(images) == 2)
        wait.until(lambda page: page.find_element("id", "download").is_enabled())
        browser.execute_script("document.querySelector('.toast-close').click(); scrollTo(0, 0)")
        time.sleep(1)  # it fades
        return browser.get_screenshot_as_png()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photograph = Path(folder) / "chelsea.png"
        Image.fromarray(blurred("chelsea")[0]).save(photograph)
        command = [sys.executable, "-m", "gandeblur", "app", "--no_browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
            try:
                address = re.search(r"http://127\.0\.0\.1:\d+", page.stdout.readline())[0]
                shown = Image.open(io.BytesIO(shot(address, photograph)))
            finally:
                page.terminate()
    shown.convert("RGB").quantize(COLOURS).save(FOLDER / "app.png", optimize=True)


if __name__ == "__main__":
    main()
