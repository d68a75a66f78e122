"""The page: numbers, differences to the paper, provenance, and that nothing outside it is needed."""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
from report_pages import ERRORS, Page, section

from gandeblur.errors import InputError
from gandeblur.evaluation.pictures import image_path


def psnr(error):
    return 20 * np.log10(255 / error)


def test_headline_states_the_distances(results, write):
    mean = np.mean([psnr(errors[2]) for errors in ERRORS.values()])
    above_input, above_best = mean - psnr(20), mean - psnr(10)
    assert (
        f"Over 5 test images (set5), GAN-D reaches a mean PSNR of {mean:.2f} dB: {above_input:.2f} dB above "
        f"the degraded input and {above_best:.2f} dB above the best other method, gain undone + Wiener."
    ) in Page(write(results)).text


def test_headline_admits_being_worse(results, write):
    results = replace(results, ours="input", methods=["input", "gain undone + Wiener"])
    text = Page(write(results)).text
    assert "level with the degraded input and 6.02 dB below the best other method" in text


def scores(results, method, name="set5"):
    means = results.sets[name]["methods"][method]
    return means["psnr_db"]["mean"], means["ssim"]["mean"]


def printed(psnr_db, ssim, spec=""):
    return f"{psnr_db:{spec}.2f} {ssim:{spec}.3f}".replace("-", "−")


def difference(results, method, paper, name="set5"):
    return printed(*np.subtract(scores(results, method, name), paper), spec="+")


def test_every_method_with_a_column_of_the_papers_is_subtracted(results, write):
    text = section(write(results), "paper")
    # The input and ours, not the other baseline.
    ours = " ".join(printed(*scores(results, method)) for method in ("input", "GAN-D"))
    differences = f"{difference(results, 'input', (17.15, 0.69))} {difference(results, 'GAN-D', (24.392, 0.81))}"
    assert f"set5 17.15 0.69 18.14 0.838 24.392 0.81 {ours} {differences}" in text
    assert "set14 16.70 0.73 16.90 0.72 21.67 0.77 — — — —" in text
    assert "Not measured here: set14" in text and "Not among" not in text


def test_the_differences_that_the_papers_text_names(results, write):
    gains = [["set5", "GAN-D", "odcnn"], ["set5", "GAN-D", "input"], ["set14", "GAN-D", "odcnn"]]
    results = replace(results, paper=replace(results.paper, gains=gains))
    ours = scores(results, "GAN-D")[0] - scores(results, "input")[0]
    text = section(write(results), "paper")
    assert "GAN-D over odcnn, set5: +6.25 dB in the paper; here not measured." in text
    assert f"GAN-D over input, set5: +7.24 dB in the paper; here {ours:+.2f} dB." in text
    assert "GAN-D over odcnn, set14: +4.77 dB in the paper; here not measured." in text


def test_variants_of_one_network_have_differences_of_their_own(results, write, folder):
    """Two networks that stand for one column, and a set with another name than the paper's."""
    renamed = {"gopro, test": results.sets["set5"]}
    (folder / "set5").rename(folder / "gopro, test")
    paper = replace(
        results.paper,
        measured={"set5": "gopro, test"},
        columns={"gain undone + Wiener": "odcnn", "GAN-D": "odcnn"},
    )
    results = replace(results, sets=renamed, paper=paper, runs={"gain undone + Wiener": {}, "GAN-D": {}})
    text = section(write(results), "paper")
    differences = " ".join(
        difference(results, method, (18.14, 0.838), "gopro, test") for method in ("gain undone + Wiener", "GAN-D")
    )
    assert differences in text and len(set(differences.split())) == 4
    assert "set5 gopro, test 17.15" in text and "gain undone + Wiener − odcnn GAN-D − odcnn" in text


def test_a_network_without_a_column_is_shown_and_not_subtracted(results, write):
    text = section(write(replace(results, paper=replace(results.paper, columns={}))), "paper")
    assert f"24.392 0.81 {printed(*scores(results, 'GAN-D'))} set14" in text and "difference set" not in text


def test_sets_that_the_paper_lacks_have_rows_without_a_difference(results, write, folder):
    """Even one of a name of the paper's: it is the paper's set only where `measured` says so."""
    results = replace(
        results,
        sets={"set14": results.sets["set5"]},
        paper=replace(results.paper, measured={}),
    )
    (folder / "set5").rename(folder / "set14")
    page = write(results)
    text = section(page, "paper")
    ours = " ".join(printed(*scores(results, method, "set14")) for method in ("input", "GAN-D"))
    assert f"set14 — — — {ours} — —" in text
    assert "set14 16.70 0.73 16.90 0.72 21.67 0.77 — — — —" in text
    assert "None of the paper's rows was measured here" in text
    assert "Not among the paper's sets, and so without a difference: set14." in text
    assert "set14 22.11" in section(page, "baselines")


def test_the_row_all_is_the_mean_of_all_the_papers_sets_or_missing(results, write, folder):
    paper = replace(results.paper, rows=results.paper.rows | {"all": {"GAN-D": [23.0, 0.79]}})
    assert "all — — 23.00 0.79 — — — —" in section(write(replace(results, paper=paper)), "paper")

    better = copy.deepcopy(results.sets["set5"])
    for metric, shift in (("psnr_db", 2.0), ("ssim", -0.02)):
        better["methods"]["GAN-D"][metric]["mean"] += shift
    (folder / "set14").symlink_to(folder / "set5")
    results = replace(
        results,
        sets=results.sets | {"set14": better},
        paper=replace(paper, measured={"set5": "set5", "set14": "set14"}),
    )
    psnr_db, ssim = np.add(scores(results, "GAN-D"), (1, -0.01))
    above = printed(psnr_db - 23.0, ssim - 0.79, spec="+")
    text = section(write(results), "paper")
    assert f"all — — 23.00 0.79 {printed(*scores(results, 'input'))} {printed(psnr_db, ssim)} — {above}" in text
    assert "Not measured" not in text


def test_the_papers_range_stands_above_ours(results, write):
    assert "paper" not in section(write(results), "range")
    ranges = {
        "psnr_db": {"max": 32.33, "min": 25.39, "mean": 29.30},
        "ssim": {"max": 0.77, "min": 0.65, "mean": 0.72},
    }
    page = write(replace(results, paper=replace(results.paper, ranges=ranges)))
    assert "paper GAN-D 29.30 25.39 32.33 0.72 0.65 0.77 set5 input" in section(page, "range")


def test_best_median_and_worst(results, write):
    text = section(write(results), "images")
    chosen = re.findall(r"(Best|Median|Worst) · (\w)", text)
    assert chosen == [("Best", "c"), ("Median", "b"), ("Worst", "d")]
    assert f"{psnr(5):.2f} dB" in text and f"{psnr(9):.2f} dB" in text


@pytest.mark.parametrize(("count", "ranks"), [(1, ["Only image"]), (2, ["Best", "Worst"])])
def test_small_sets_show_each_image_once(results, write, count, ranks):
    del results.sets["set5"]["images"][count:]
    assert re.findall(r"(Only image|Best|Median|Worst) · \w", section(write(results), "images")) == ranks


def test_the_page_stands_alone(results, write):
    page = Page(write(results))
    resources = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(resources) == 3 * 4 * 2  # examples, panels, whole and crop
    assert all(resource.startswith("data:image/png;base64,") for resource in resources)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", write(results))
    inside = [attributes["xlink:href"] for tag, attributes in page.tags if "xlink:href" in attributes]
    assert inside and all(reference.startswith("#") for reference in inside)  # the markers of the curves


def test_text_is_escaped(results, write):
    page = write(results)
    assert "GAN-D &lt;title&gt;" in page and "a &lt;b&gt;smaller" in page


def test_audit_shows_the_papers_counts_where_there_are_any(results, write):
    text = section(write(results), "audit")
    assert "Generator layer kernel" in text and "conv 1 1x121 1 3 38 13,832 — open in the paper" in text
    rows = [{key: value for key, value in row.items() if key != "paper"} for row in results.audit["generator"]]
    rows[0]["verdict"] = "ok"
    text = section(write(replace(results, audit={"generator": rows})), "audit")
    assert "Generator, as read here layer" in text and "parameters verdict conv 1 1x121 1 3 38 13,832 ok" in text


def test_all_that_a_run_states_is_printed(results, write):
    text = section(write(results), "provenance")
    for fact in (
        "The run of GAN-D Experiment Name gan_d Seed 7 Float16 no",
        "Generator Widths Maps 38 Kernels 121, 16 Parameters 676,571",
        "Optimizer Learning rate 1e-05 Clipping —",
        "Terms name mse, weight 1 name adversarial, weight 0.0001",
        "Departures a <b>smaller</b> set Format 1",
        "Weights of GAN-D, SHA-256 " + "ab12" * 16,
        "not run from a git checkout",
        "tensorflow 2.21.0",
    ):
        assert fact in text
    runs = results.runs | {"ODCNN": {"experiment": {"name": "odcnn"}, "notes": {}}}
    text = section(write(replace(results, runs=runs)), "provenance")
    assert text.endswith("The run of ODCNN Experiment Name odcnn Notes none ") and "The run of GAN-D" in text


def test_test_images_and_training_are_told(results, write):
    page = write(results)
    text = section(page, "data")
    assert "Images set5 5 Seed of the degradation 7 Dropout when restoring no" in text
    assert "set5 5 20 levels brighter" in text
    assert "GAN-D 1,300 5,200 6 min 40 s" in section(page, "training")


def test_curves_are_drawn(results, write):
    page = write(results)
    assert page.count("<svg") == 2
    text = section(page, "training")
    assert "Losses, logarithmic axis" in text and "Validation PSNR (dB)" in text


def test_without_training(results, write):
    page = write(replace(results, history={}, training={}))
    assert "<svg" not in page and "no training in this run" in section(page, "training")


def test_grid_artifacts_of_every_method_are_tabled(results, write):
    values = {"input": (-0.04, 0.31), "gain undone + Wiener": (-1.26, None), "GAN-D": (12.34, 5.67)}
    for method, means in values.items():
        scores = results.sets["set5"]["methods"][method]
        scores["grid_2px_db"]["mean"], scores["grid_4px_db"]["mean"] = means
    assert "set5 0.0 0.3 −1.3 — 12.3 5.7" in section(write(results), "grid")


def test_the_sharpness_of_every_method_is_tabled_where_it_was_measured(results, write):
    older = copy.deepcopy(results.sets)
    for methods in (result["methods"] for result in older.values()):
        for scores in methods.values():
            scores.pop("gradient_energy", None)
    assert 'id="looks"' not in write(replace(results, sets=older))
    values = {"input": 0.5, "gain undone + Wiener": None, "GAN-D": 1.127}
    for result in results.sets.values():
        for method, mean in values.items():
            result["methods"][method]["gradient_energy"] = {"mean": mean, "min": mean, "max": mean}
    assert "set5 0.50 — 1.13" in section(write(results), "looks")


def test_infinite_scores_are_shown(results, write):
    sets = copy.deepcopy(results.sets)
    sets["set5"]["methods"]["GAN-D"]["psnr_db"].update(mean=float("inf"), max=float("inf"))
    text = section(write(replace(results, sets=sets)), "range")
    assert re.search(r"GAN-D ∞ [\d.]+ ∞", text)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_unreadable_images_are_named_and_the_old_page_stays(results, write, folder, damage):
    before = write(results)
    path = image_path(folder, "set5", "c", "GAN-D")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*--stage=evaluate"):
        write(results)
    assert (folder.parent / "report.html").read_text(encoding="utf-8") == before
    assert {entry.name for entry in folder.parent.iterdir()} == {"images", "report.html"}
